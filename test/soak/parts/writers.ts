import { assertVault } from '../oracle.ts';
import type { Part, SoakRun } from '../part.ts';
import { Power } from '../power.ts';
import type { SoakProcess } from '../soakProcess.ts';
import { SoakRig } from '../soakRig.ts';
import { collectAll } from './collectKills.ts';

const HOUR_MS = 3_600_000;
const WRITERS = 8;

/** Collections beside eight writers, in a process that is killed again and again at random steps. */
export const writers: Part = {
  name: 'writers and collector',
  run: async (run) => {
    await using rig = await SoakRig.open({ random: run.random, machines: WRITERS, dataBytes: 1 << 20 });
    const until = performance.now() + (run.isLong ? run.minutes * 60_000 : 6_000);
    let rounds = 0;
    for (; rounds < 4 || performance.now() < until; rounds++) await round(run, rig, rounds);
    await using last = await rig.start();
    await last.settle();
    await collectAll(last);
    run.count('restores checked', await assertVault(last, { isCollected: true, restoreJobs: 4 }));
    run.note(
      `${rounds} rounds, ${rig.recorder.shownCount} points shown, ${rig.recorder.due(rig.clock.now()).length} due at the end`,
    );
  },
};

async function round(run: SoakRun, rig: SoakRig, number: number): Promise<void> {
  const power = new Power(['put', 'delete', 'db']);
  power.cutAt = 20 + run.random.below(900);
  await using process = await rig.start({ power });
  const died = await process.until(busyDay(run, process));
  await process.kill();
  if (died) run.count('kills');
  await rig.clock.turn(HOUR_MS * (1 + run.random.below(20)));
  if (number % 3 !== 0) return;
  await using judge = await rig.start();
  await judge.settle();
  run.count('restores checked', await assertVault(judge));
}

async function busyDay(run: SoakRun, process: SoakProcess): Promise<void> {
  const { rig } = process;
  for (let wave = 0; wave < 3; wave++) {
    for (const item of rig.items) {
      if (run.random.below(4) === 0) continue;
      await rig.write(item, 1 + run.random.below(4));
      // one that is still in its snapshot phase, from before a kill, goes on as it is
      await process.requestBackup(item, 1 + run.random.below(3)).catch(() => {});
    }
    await process.requestHousekeeping('Collect', { approved: true });
    if (run.random.below(3) === 0) await process.requestHousekeeping('Verify');
    await process.runSome(WRITERS + 2);
    await process.settle();
    await rig.clock.turn(HOUR_MS * (2 + run.random.below(12)));
    await process.prune();
  }
}
