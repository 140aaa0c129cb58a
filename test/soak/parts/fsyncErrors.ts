import { Random } from '../../../bench/random.ts';
import { FaultyFiles } from '../faultyFiles.ts';
import { assertVault, Violation } from '../oracle.ts';
import type { Part, SoakRun } from '../part.ts';
import { SoakRig } from '../soakRig.ts';
import { oneBackup } from './backupKills.ts';

/** One fsync of a file or a folder fails during a backup; the job may fail, what was shown may not. */
export const fsyncErrors: Part = {
  name: 'fsync errors',
  run: async (run) => {
    const seed = run.random.uint32();
    const syncs = (await backupWith(seed, Number.POSITIVE_INFINITY, run)).count;
    if (syncs < 5) throw new Violation(`a backup syncs only ${syncs} times`);
    for (const failAt of run.pick(syncs, 4)) {
      const faults = await backupWith(seed, failAt, run);
      if (faults.hits === 0) throw new Violation(`the error prepared at sync ${failAt} of ${syncs} was never hit`);
      run.count('fsync errors');
    }
  },
};

async function backupWith(seed: number, failAt: number, run: SoakRun): Promise<FaultyFiles> {
  await using rig = await SoakRig.open({ random: new Random(seed) });
  await oneBackup(rig);
  const [item] = rig.items as [(typeof rig.items)[0]];
  await rig.write(item, 4);
  const faults = new FaultyFiles(['sync', 'syncFolder'], 'EIO', false);
  faults.failAt = failAt;
  {
    await using process = await rig.start({ wraps: { files: faults.wrap } });
    const job = await process.requestBackup(item);
    await process.settle();
    const { status, errors } = await process.job(job);
    if (status !== 'Completed' && errors[0]?.code !== 'StoreIoFailed')
      throw new Violation(`sync ${failAt} failed, and the job says ${status} ${JSON.stringify(errors)}`);
  }
  // a folder that failed to sync is written to again only after a restart
  await using next = await rig.start();
  await rig.clock.turn(60_000);
  const again = await next.requestBackup(item);
  await next.settle();
  if ((await next.job(again)).status !== 'Completed') throw new Violation(`no backup after a restart (sync ${failAt})`);
  run.count('restores checked', await assertVault(next));
  return faults;
}
