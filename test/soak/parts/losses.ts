import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeKit, printKit, putKitKeys, readKit } from '../../../src/store/recoveryKit.ts';
import type { Job } from '../../../src/vault/job.ts';
import { type ObjectClass, objectsByClass } from '../objects.ts';
import { assertVault, Violation } from '../oracle.ts';
import type { Part, SoakRun } from '../part.ts';
import type { SoakProcess } from '../soakProcess.ts';
import { SoakRig } from '../soakRig.ts';
import { oneBackup } from './backupKills.ts';
import { agedVault, collect } from './collectKills.ts';
import { assertNoWrongBytes } from './flips.ts';
import { assertPlaceIsWhole } from './replicaKills.ts';

const HOUR_MS = 3_600_000;

/**
 * One object of each class is gone for good. A reader gets an error or the right bytes; the running server makes
 * again what it can, the recovery kit has the keys, another place has everything, and the next backup heals the rest.
 */
export const losses: Part = {
  name: 'losses',
  run: async (run) => {
    await using single = await vaultWithEverything(run, {});
    for (const [kind, names] of await classesOf(single))
      for (const name of run.isLong ? names : names.slice(0, 1)) await loseFromSingle(run, single, kind, name);
    await using zones = await vaultWithEverything(run, { redundancy: 'ZoneRedundant' });
    const classes = [...(await classesOf(zones))];
    for (const index of run.pick(classes.length, 2)) {
      const [kind, names] = classes[index - 1]!;
      for (const name of run.isLong ? names : names.slice(0, 1)) await loseFromZone(run, zones, kind, name);
    }
  },
};

async function vaultWithEverything(run: SoakRun, options: { redundancy?: 'ZoneRedundant' }): Promise<SoakRig> {
  const rig = await SoakRig.open({ random: run.random, machines: 1, dataBytes: 1 << 20, ...options });
  await agedVault(rig);
  await oneBackup(rig);
  await using process = await rig.start();
  await collect(process); // condemns, and the next one deletes: there is a gc/ object
  await rig.clock.turn(25 * HOUR_MS);
  await collect(process);
  await oneBackup(rig);
  await using last = await rig.start();
  await last.housekeep('CopyCatalogue');
  return rig;
}

async function classesOf(rig: SoakRig): Promise<ReadonlyMap<ObjectClass, readonly string[]>> {
  await using process = await rig.start();
  const { store } = await process.tools.stores.open(rig.vaultId);
  const classes = await objectsByClass(store.backend);
  for (const kind of ['fmt', 'keys', 'data pack', 'meta pack', 'rp', 'gc', 'own', 'ck', 'db'] as const)
    if (!classes.has(kind)) throw new Violation(`the vault of this part has no ${kind}`);
  return classes;
}

async function loseFromSingle(run: SoakRun, template: SoakRig, kind: ObjectClass, object: string): Promise<void> {
  await using rig = await template.copy(run.random);
  await using process = await rig.start();
  await process.settle();
  const { backend } = (await process.tools.stores.open(rig.vaultId)).store;
  const kit = kind === 'keys' ? await kitOf(process) : undefined;
  const name = kind === 'own' ? await newestClaim(process) : object;
  await rm(join(rig.storeFolder(), name));
  run.count('losses');
  const when = `${name} (${kind}) is gone`;
  await assertNoWrongBytes(run, process, when);
  if (kit !== undefined) await putKitKeys(backend, readKit(kit));
  await verifyUntilTold(process, when);
  const isPack = kind.endsWith('pack');
  await said(when, async () => run.count('restores checked', await assertVault(process, { isDamaged: isPack })));
  for (const item of rig.items) {
    await rig.write(item, 2);
    await completed(process, await process.requestBackup(item), `${when}, a backup`);
  }
  await rig.clock.turn(25 * HOUR_MS);
  await completed(process, await process.requestHousekeeping('CopyCatalogue'), `${when}, a copy of the catalogue`);
  await process.housekeep('Verify', { all: true });
  await assertNewestAreWhole(process, when);
  await said(when, async () => run.count('restores checked', await assertVault(process, { isDamaged: isPack })));
  for (const made of isPack ? [] : [kind])
    if (!(await objectsByClass(backend)).has(made)) throw new Violation(`${when} and no ${made} came again`);
}

/** One of three places lost it. */
async function loseFromZone(run: SoakRun, template: SoakRig, kind: ObjectClass, object: string): Promise<void> {
  await using rig = await template.copy(run.random);
  const zone = rig.places[run.random.below(rig.places.length)]!;
  await using process = await rig.start();
  await process.settle();
  const name = kind === 'own' ? await newestClaim(process) : object;
  await rm(join(rig.storeFolder(zone), name));
  run.count('losses');
  const when = `${name} (${kind}) is gone from ${zone}`;
  await said(when, async () => run.count('restores checked', await assertVault(process, { isDegraded: true })));
  await process.housekeep(run.random.below(2) === 0 ? 'Verify' : 'Replicate');
  await process.housekeep('Replicate');
  await process.housekeep('Verify', { all: true });
  await said(when, async () => {
    run.count('restores checked', await assertVault(process));
    await assertPlaceIsWhole(process, zone);
  });
}

/** Each start of a server makes one. */
async function newestClaim({ rig, tools }: SoakProcess): Promise<string> {
  const { backend } = (await tools.stores.open(rig.vaultId)).store;
  return (await objectsByClass(backend))
    .get('own')!
    .toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1))
    .at(-1)!;
}

async function kitOf(process: SoakProcess): Promise<string> {
  const { rig, tools } = process;
  const { backend } = (await tools.stores.open(rig.vaultId)).store;
  const request = { vaultName: 'vault-1', madeAt: rig.clock.now(), places: ['a folder'] };
  return printKit(await makeKit(backend, await process.keyOf(rig.vaultId), request));
}

async function verifyUntilTold(process: SoakProcess, when: string): Promise<void> {
  const { status, errors } = await process.housekeep('Verify', { all: true });
  if (!status.startsWith('Completed'))
    throw new Violation(`${when}: verification says ${status} ${JSON.stringify(errors)}`);
}

async function completed(process: SoakProcess, id: string, what: string): Promise<Job> {
  await process.settle();
  const job = await process.job(id);
  if (!job.status.startsWith('Completed'))
    throw new Violation(`${what} says ${job.status} ${JSON.stringify(job.errors)}`);
  return job;
}

/** What was lost is stored anew with the next point of each machine. */
async function assertNewestAreWhole({ rig, db }: SoakProcess, when: string): Promise<void> {
  rig.recorder.observe(rig.databasePath);
  const damaged = await db.queries.selectFrom('point_damages').select('point_id').execute();
  const ids = new Set(damaged.map(({ point_id }) => point_id));
  for (const { point } of rig.recorder.newest())
    if (ids.has(point.id)) throw new Violation(`${when}, and the next point is damaged too`);
}

async function said(when: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw new Violation(`${when}: ${(error as Error).message}`, { cause: error });
  }
}
