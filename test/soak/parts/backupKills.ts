import { killEverywhere, type Work } from '../kills.ts';
import type { Part } from '../part.ts';
import type { SoakRig } from '../soakRig.ts';

const TALL = { dataBytes: 66 * 2 ** 20 };

const full: Work = {
  name: 'full backup',
  kinds: ['put', 'file', 'db'],
  prepare: async (rig) => rig.write(rig.items[0]!, 6),
  act: async (process) => void (await process.requestBackup(process.rig.items[0]!)),
};

const incremental: Work = {
  name: 'incremental backup',
  kinds: ['put', 'file', 'db'],
  rig: TALL,
  prepare: async (rig) => {
    await oneBackup(rig);
    await rig.write(rig.items[0]!, 4);
  },
  act: full.act,
};

/** One backup to its end. */
export async function oneBackup(rig: SoakRig): Promise<void> {
  for (const item of rig.items) await rig.write(item, 6);
  await using process = await rig.start();
  for (const item of rig.items) await process.requestBackup(item);
  await process.settle();
  await rig.clock.turn(60_000);
}

/** A process dies before each file call, statement and commit of a backup. */
export const backupKills: Part = {
  name: 'backup kills',
  run: async (run) => {
    await killEverywhere(run, full, 6);
    await killEverywhere(run, incremental, 3);
  },
};
