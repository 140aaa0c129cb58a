import { killEverywhere, type Work } from '../kills.ts';
import { assertVault, Violation } from '../oracle.ts';
import type { Part } from '../part.ts';
import type { SoakProcess } from '../soakProcess.ts';
import type { SoakRig } from '../soakRig.ts';

const HOUR_MS = 3_600_000;

/** Days of backups that are kept for a day each: whole packs die, and of others most records do. */
export async function agedVault(rig: SoakRig): Promise<void> {
  await days(rig);
  await using process = await rig.start();
  await process.prune();
}

async function days(rig: SoakRig, retainDays = 1): Promise<void> {
  await using process = await rig.start();
  for (let day = 0; day < 3; day++) {
    for (const item of rig.items) {
      await rig.write(item, day === 0 ? 14 : 5);
      await process.requestBackup(item, retainDays);
    }
    await process.settle();
    await rig.clock.turn(26 * HOUR_MS);
  }
}

/** Asks for a collection; an operator has looked at how much would go. */
export const collect = (process: SoakProcess) => process.housekeep('Collect', { approved: true });

/** Days without backups, until all has expired that ever will, and collections until nothing is left to do. */
export async function collectAll(process: SoakProcess): Promise<void> {
  await process.rig.clock.turn(4 * 24 * HOUR_MS);
  await process.prune();
  // what was seen unknown is adopted, condemned and dropped by one run each; the trash goes a week later
  for (const waitHours of [25, 25, 25, 7 * 24, 0]) {
    const job = await collect(process);
    if (job.status !== 'Completed')
      throw new Violation(`a collection says ${job.status} ${JSON.stringify(job.errors)}`);
    await process.rig.clock.turn(waitHours * HOUR_MS);
  }
}

const act = async (process: SoakProcess): Promise<void> => {
  await process.prune();
  await process.requestHousekeeping('Collect', { approved: true });
};

const afterwards = async (process: SoakProcess): Promise<void> => {
  await collectAll(process);
  await assertVault(process, { isCollected: true });
};

const letGo: Work = {
  name: 'letting points go',
  kinds: ['put', 'delete', 'file', 'db'],
  rig: { machines: 2 },
  isCopied: true,
  prepare: async (rig) => {
    await days(rig, 4); // backups let go of what has expired, too
    await rig.clock.turn(5 * 24 * HOUR_MS);
  },
  act: (process) => process.prune(),
  afterwards: async (process) => {
    await process.prune();
    await assertVault(process);
  },
};

const condemn: Work = {
  name: 'a first collection',
  kinds: ['put', 'delete', 'file', 'db'],
  rig: { machines: 2 },
  isCopied: true,
  prepare: agedVault,
  act,
  afterwards,
};

const drop: Work = {
  ...condemn,
  name: 'a collection that drops and compacts',
  prepare: async (rig) => {
    await agedVault(rig);
    await using process = await rig.start();
    const job = await collect(process);
    if (!(Number.parseInt(job.propertyBag['Packs Condemned'] ?? '0', 10) > 0))
      throw new Violation(`nothing was condemned: ${JSON.stringify(job.propertyBag)} ${JSON.stringify(job.errors)}`);
    await rig.clock.turn(25 * HOUR_MS);
  },
};

const emptyTrash: Work = {
  ...condemn,
  name: 'a collection that empties the trash',
  prepare: async (rig) => {
    await drop.prepare(rig);
    await using process = await rig.start();
    await collect(process);
    await rig.clock.turn(3 * 24 * HOUR_MS);
    await collect(process);
    await rig.clock.turn(5 * 24 * HOUR_MS);
  },
};

/** A process dies before each step of pruning, condemning, dropping, compacting and emptying the trash. */
export const collectKills: Part = {
  name: 'collect kills',
  run: async (run) => {
    await killEverywhere(run, letGo, 1);
    await killEverywhere(run, condemn, 1);
    await killEverywhere(run, drop, 3);
    await killEverywhere(run, emptyTrash, 1);
  },
};
