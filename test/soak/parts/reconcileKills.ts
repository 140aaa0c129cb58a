import { copyFileSync, rmSync } from 'node:fs';
import { killEverywhere, type Work } from '../kills.ts';
import { Violation } from '../oracle.ts';
import type { Part } from '../part.ts';
import type { SoakRig } from '../soakRig.ts';
import { agedVault, collect, collectAll } from './collectKills.ts';

const DAY_MS = 24 * 3_600_000;

/** An old database is put back under a store in which points came and went and packs were dropped meanwhile. */
async function rolledBack(rig: SoakRig): Promise<void> {
  await agedVault(rig);
  copyFileSync(rig.databasePath, `${rig.folder}/old.sqlite`);
  {
    await using process = await rig.start();
    for (let day = 0; day < 3; day++) {
      await collect(process);
      for (const item of rig.items) {
        await rig.write(item, 4);
        await process.requestBackup(item, 2);
      }
      await process.settle();
      await rig.clock.turn(25 * 3_600_000);
      await process.prune();
    }
  }
  for (const suffix of ['-wal', '-shm']) rmSync(`${rig.databasePath}${suffix}`, { force: true });
  copyFileSync(`${rig.folder}/old.sqlite`, rig.databasePath);
}

const reconcile: Work = {
  name: 'reconciliation',
  kinds: ['put', 'delete', 'file', 'db'],
  rig: { machines: 2 },
  isCopied: true,
  prepare: rolledBack,
  act: async (process) => void (await process.requestHousekeeping('Reconcile')),
  settled: async (process) => {
    // the wish for it may have died with the process
    const job = await process.housekeep('Reconcile');
    if (!job.status.startsWith('Completed'))
      throw new Violation(`reconciliation says ${job.status} ${JSON.stringify(job.errors)}`);
    await process.prune();
  },
  afterwards: async (process) => {
    const { rig } = process;
    await rig.write(rig.items[0]!, 3);
    const id = await process.requestBackup(rig.items[0]!);
    await process.settle();
    if ((await process.job(id)).status !== 'Completed')
      throw new Violation(`no backup after the reconciliation: ${JSON.stringify((await process.job(id)).errors)}`);
    await rig.clock.turn(DAY_MS);
    await collectAll(process);
  },
};

/** A process dies before each step of reconciling an old database with its store. */
export const reconcileKills: Part = { name: 'reconcile kills', run: (run) => killEverywhere(run, reconcile, 3) };
