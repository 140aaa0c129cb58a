import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '../../../src/lib/clock.ts';
import { assertVault, Violation } from '../oracle.ts';
import type { Part, SoakRun } from '../part.ts';
import { SoakRig } from '../soakRig.ts';
import { collectAll } from './collectKills.ts';

/** Whole processes, with their threads, get a real SIGKILL at random moments. */
export const processKills: Part = {
  name: 'process kills',
  run: async (run) => {
    await using rig = await SoakRig.open({ random: run.random, machines: 3, dataBytes: 1 << 20, onImages: true });
    const until = performance.now() + (run.isLong ? run.minutes * 60_000 : 0);
    for (let round = 0; round < 4 || performance.now() < until; round++) {
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
  const script = join(import.meta.dirname, '../child.ts');
  const { folder, clock } = rig;
  const args = [script, '--folder', folder, '--now', String(clock.now()), '--seed', String(run.random.uint32())];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ready = Promise.withResolvers<void>();
  let now = clock.now();
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    const told = JSON.parse(line) as Told;
    if (told.now !== undefined) now = told.now;
    if (told.snapshotId !== undefined) rig.recorder.learn(told.snapshotId, new Map(told.hashes));
    if (told.isReady) ready.resolve();
  });
  const ended = once(lines, 'close');
  const died = once(child, 'exit').then(([code]) => {
    if (code !== null) throw new Violation(`the child ended with ${code} before it was killed`);
  });
  await Promise.race([ready.promise, died]);
  await systemClock.sleep(run.random.below(run.isLong ? 4000 : 1500));
  child.kill('SIGKILL');
  await died;
  await ended;
  run.count('kills');
  // no later process may live at an earlier time
  await clock.turn(now - clock.now() + 12 * 20_000);
}

interface Told {
  readonly now?: number;
  readonly snapshotId?: string;
  readonly hashes?: readonly (readonly [number, string])[];
  readonly isReady?: true;
}
