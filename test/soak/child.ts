import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Random } from '../../bench/random.ts';
import { SoakRig } from './soakRig.ts';

/**
 * A server process that is there to be killed: it backs up, prunes, collects and verifies until then, with worker
 * threads and on real files. It tells its parent, before anything else may rely on it, what snapshots held and how
 * far its clock was turned; its parent is the judge.
 */
const { values } = parseArgs({
  options: {
    folder: { type: 'string' },
    now: { type: 'string' },
    seed: { type: 'string' },
    /** One backup of each machine, and no more. */
    once: { type: 'boolean', default: false },
  },
});

const HOUR_MS = 3_600_000;
const random = new Random(Number(values.seed));
const tell = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`);

const rig = await SoakRig.reopen(values.folder!, { now: Number(values.now), random });
rig.recorder.isWitness = true;
rig.recorder.onHashes = (snapshotId, hashes) => tell({ snapshotId, hashes: [...hashes] });
const process = await rig.start({ wraps: { isPlain: true } });
await process.settle();
tell({ isReady: true });
if (values.once) {
  for (const item of rig.items) {
    await rig.write(item, 4);
    await process.requestBackup(item);
  }
  await process.settle();
  tell({ now: rig.clock.now() });
  await process[Symbol.asyncDispose]();
  globalThis.process.exit(0); // its worker threads wait for more
}
for (;;) {
  for (const item of rig.items) {
    await rig.write(item, 1 + random.below(6));
    await process.requestBackup(item, 1 + random.below(3)).catch(() => {}); // one of before the kill goes on
  }
  await process.requestHousekeeping('Collect', { approved: true });
  if (random.below(3) === 0) await process.requestHousekeeping('Verify');
  await process.runSome(6);
  await process.settle();
  const turnMs = HOUR_MS * (1 + random.below(16));
  tell({ now: rig.clock.now() + turnMs + HOUR_MS });
  await rig.clock.turn(turnMs);
  await process.prune();
}
