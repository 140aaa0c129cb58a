import { systemClock } from '../../../src/lib/clock.ts';
import { assertVault, Violation } from '../oracle.ts';
import type { Part, SoakRun } from '../part.ts';
import { SoakChild } from '../soakChild.ts';
import { SETTLES_WITHIN_MS } from '../soakProcess.ts';
import { SoakRig } from '../soakRig.ts';
import { collectAll } from './collectKills.ts';

/** Whole processes, with their threads, get a real SIGKILL at random moments. */
export const processKills: Part = {
  name: 'process kills',
  run: async (run) => {
    await using rig = await SoakRig.open({ random: run.random, machines: 3, dataBytes: 1 << 20, onImages: true });
    const until = performance.now() + (run.isLong ? run.minutes * 60_000 : 0);
    for (let round = 0; round < 3 || performance.now() < until; round++) {
      await killOne(run, rig);
      if (round % 2 === 0) continue;
      await using judge = await rig.start();
      await judge.settle();
      run.count('restores checked', await assertVault(judge));
    }
    await using last = await rig.start();
    await collectAll(last);
    run.count('restores checked', await assertVault(last, { isCollected: true }));
    if (rig.recorder.shownCount === 0) throw new Violation('no child came so far as to show a point');
    run.note(`${rig.recorder.shownCount} points shown by processes that were killed`);
  },
};

async function killOne(run: SoakRun, rig: SoakRig): Promise<void> {
  const child = new SoakChild(rig, { seed: run.random.uint32() });
  const died = child.ended.then((code) => {
    if (code !== null) throw new Violation(`the child ended with ${code} before it was killed`);
  });
  await Promise.race([child.ready, died]);
  await systemClock.sleep(run.random.below(run.isLong ? 4000 : 1500));
  child.process.kill('SIGKILL');
  await died;
  run.count('kills');
  // no later process may live at an earlier time
  await rig.clock.turn(child.now - rig.clock.now() + SETTLES_WITHIN_MS);
}
