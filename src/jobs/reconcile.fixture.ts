import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { enqueueHousekeeping } from '../db/housekeeping.ts';
import { changeStoreState } from '../db/storeStates.ts';
import { getVault } from '../db/vaults.ts';
import { silentLogger } from '../lib/log.ts';
import { gcName } from '../store/ownership.ts';
import { listPackFolder, PACK_FOLDERS } from '../store/packListing.ts';
import type { HousekeepingOperation, Job } from '../vault/job.ts';
import { isVaulted } from '../vault/recoveryPoint.ts';
import { newHousekeepingJob } from './housekeeping.ts';
import { pruneItem } from './prune.ts';
import { type JobHandler, JobRunner } from './runner.ts';
import { BY, MACHINE, VaultRig } from './vaultRig.fixture.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** SHA-256 of each disk by LUN, by point: what a restore of the point must give. */
export type Truth = Map<string, ReadonlyMap<number, string>>;

/** Runs a housekeeping job to its end. */
export async function housekeep(rig: VaultRig, operation: HousekeepingOperation, handler: JobHandler): Promise<Job> {
  const vault = (await getVault(rig.db.queries, rig.item.vaultId))!;
  const wanted = newHousekeepingJob(vault, operation, rig.clock.now());
  const { id } = await enqueueHousekeeping(rig.db.queries, wanted);
  const tools = { ...rig.tools, log: silentLogger };
  const runner = new JobRunner(tools, { owner: randomUUID(), handlers: { [operation]: handler }, concurrency: 1 });
  await runner.runOne();
  return rig.job(id);
}

/** Writes the same place anew, backs up, and remembers what the point must restore to. */
export async function backUpNew(rig: VaultRig, truth: Truth, retainDays = 30): Promise<string> {
  await rig.clock.turn(60_000);
  await rig.host.write(MACHINE, 0, 0, randomBytes(300_000));
  const retainUntil = rig.clock.now() + retainDays * DAY_MS;
  const id = await rig.service.requestBackup(rig.item.id, { userTriggered: true, retainUntil, by: BY });
  await rig.runner.runOne();
  const job = await rig.job(id);
  assert.equal(job.status, 'Completed', JSON.stringify(job.errors));
  const point = (await rig.points())[0]!;
  assert.ok(isVaulted(point));
  truth.set(point.id, await rig.diskHashes());
  return point.id;
}

/** The packs of data in the store, by id. */
export async function packIds(rig: VaultRig): Promise<ReadonlySet<string>> {
  const { store } = await rig.tools.stores.open(rig.item.vaultId);
  const ids: string[] = [];
  for (const folder of PACK_FOLDERS) ids.push(...(await listPackFolder(store.backend, folder)).keys());
  return new Set(ids);
}

/**
 * A vault whose database was put back from a copy: meanwhile one point was kept, one expired and was collected, and
 * two were made. `truth` is what the store can restore.
 */
export async function rolledBack(): Promise<{
  readonly rig: VaultRig;
  readonly truth: Truth;
  readonly gone: string;
  readonly old: string;
}> {
  const rig = await VaultRig.open();
  const truth: Truth = new Map();
  await rig.host.write(MACHINE, -1, 0, randomBytes(200_000));
  await backUpNew(rig, truth, 365);
  const before = await packIds(rig);
  const gone = await backUpNew(rig, truth, 1);
  const ofGone = [...(await packIds(rig))].filter((id) => !before.has(id));
  const old = join(rig.folder, 'old.sqlite');
  await rig.db.copyTo(old);
  await backUpNew(rig, truth);
  await rig.clock.turn(3 * DAY_MS);
  await pruneItem(rig.tools, rig.item.id);
  truth.delete(gone);
  assert.deepEqual((await rig.points()).map(({ id }) => id).sort(), [...truth.keys()].sort(), 'the short one is gone');
  const { store } = await rig.tools.stores.open(rig.item.vaultId);
  await rig.db.transaction((tx) => changeStoreState(tx, rig.item.vaultId, { gcSeq: 1 }));
  await store.backend.put(gcName(1), new Uint8Array(0));
  for (const id of ofGone)
    for await (const { name } of store.backend.list(`p/${id.slice(0, 2)}/${id}.`)) await store.backend.delete(name);
  await backUpNew(rig, truth);
  return { rig: await rig.reborn({ database: old }), truth, gone, old };
}

/** Every point that the store can restore is listed once and restores to its hash; nothing else is listed. */
export async function assertWhole(rig: VaultRig, truth: Truth): Promise<void> {
  const points = await rig.points();
  assert.deepEqual(points.map(({ id }) => id).sort(), [...truth.keys()].sort());
  for (const point of points) assert.deepEqual((await rig.restore(point)).hashes, truth.get(point.id), point.id);
}
