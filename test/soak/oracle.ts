import { createHash, randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { allPoints, getPoint } from '../../src/db/points.ts';
import { isCoded } from '../../src/lib/error.ts';
import { DiskReader } from '../../src/store/diskReader.ts';
import { verifyAll } from '../../src/store/rescue.ts';
import type { Store } from '../../src/store/store.ts';
import { type DiskRoot, leafSpanBytes } from '../../src/store/tree.ts';
import { isVaulted } from '../../src/vault/recoveryPoint.ts';
import { reachedPacks } from './reachedPacks.ts';
import { hashFile, type ShownPoint } from './recorder.ts';
import { BY, type SoakProcess } from './soakProcess.ts';

/** The vault broke a promise. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

export interface Asked {
  /** Damage was done on purpose: what an open alarm names may be an error, never other bytes. Otherwise none may be open. */
  readonly isDamaged?: boolean;
  /** A copy lacks something or has other bytes on purpose: points must read all the same. */
  readonly isDegraded?: boolean;
  /** Two collections have gone by since the last point was let go: nothing unreached may be left. */
  readonly isCollected?: boolean;
  /** Restore jobs that are run; all other points are read through the same reader without a job. Default 1. */
  readonly restoreJobs?: number;
}

/**
 * The one oracle of all fault tests: every point ever shown and not expired restores to the bytes that its snapshot
 * had, nothing refers to what is missing, every job has ended, and nothing is left over. Returns the points it read.
 */
export async function assertVault(process: SoakProcess, asked: Asked = {}): Promise<number> {
  const { rig, tools } = process;
  rig.recorder.observe(rig.databasePath);
  await assertJobsEnded(process);
  const { store } = await tools.stores.open(rig.vaultId);
  const due = rig.recorder.due(rig.clock.now());
  const byJob = new Set(shuffled(due, rig.random.below(1 << 30)).slice(0, asked.restoreJobs ?? 1));
  const alarms = await openAlarms(process);
  if (!asked.isDamaged && alarms.points.size + alarms.packs.size > 0)
    throw new Violation(`an alarm without damage: ${[...alarms.points, ...alarms.packs].join(', ')}`);
  for (const shown of due) {
    if (alarms.points.has(shown.point.id)) await assertErrs(store, shown);
    else if (byJob.has(shown)) await assertRestoreJob(process, shown);
    else await assertReads(process, store, shown);
  }
  await assertListedIsWhole(process, store, { ...alarms, isDegraded: asked.isDegraded ?? false });
  await assertNothingLeftOver(process);
  if (asked.isCollected) await assertNoOrphans(process, store);
  return due.length;
}

/** What the vault itself says is damaged. */
interface Alarms {
  /** Ids of points. */
  readonly points: ReadonlySet<string>;
  /** Ids of packs. */
  readonly packs: ReadonlySet<string>;
}

async function openAlarms({ db }: SoakProcess): Promise<Alarms> {
  const points = await db.queries.selectFrom('point_damages').select('point_id').execute();
  const packs = await db.queries.selectFrom('packs').select('pack_id').where('damaged_at', 'is not', null).execute();
  return { points: new Set(points.map((row) => row.point_id)), packs: new Set(packs.map((row) => row.pack_id)) };
}

/** A point of which damage is known: each of its disks is an error or whole. */
async function assertErrs(store: Store, { point, hashes }: ShownPoint): Promise<void> {
  for (const { lun, root } of (await store.openCommit(point.vaulted!.commitName)).disks) {
    const hash = await hashOfDisk(store, root).catch((error: unknown) => {
      if (!isCoded(error)) throw error;
      return hashes.get(lun);
    });
    if (hash !== hashes.get(lun)) throw new Violation(`damaged point ${point.id}, LUN ${lun}: wrong bytes came out`);
  }
}

async function assertJobsEnded(process: SoakProcess): Promise<void> {
  const unended = await process.unendedJobs();
  if (unended.length > 0) throw new Violation(`jobs have neither ended nor run: ${JSON.stringify(unended)}`);
}

/** The way of a user: the job writes files, whose hash is compared. */
async function assertRestoreJob(process: SoakProcess, { point, hashes }: ShownPoint): Promise<void> {
  const { rig, service } = process;
  const folder = join(rig.folder, `restored-${randomUUID()}`);
  const id = await service.requestRestore(point.itemId, point.id, { kind: 'folder', folder }, BY);
  await process.settle();
  const job = await process.job(id);
  if (job.status !== 'Completed')
    throw new Violation(`point ${point.id} does not restore: ${job.status} ${JSON.stringify(job.errors)}`);
  const item = rig.items.find((one) => one.id === point.itemId)!;
  for (const [lun, hash] of hashes) {
    const restored = await hashFile(join(folder, `${item.vmName}-${lun === -1 ? 'os' : lun}.raw`));
    if (restored !== hash) throw new Violation(`point ${point.id}, LUN ${lun}: other bytes than its snapshot had`);
  }
  const names = await readdir(folder);
  if (names.some((name) => name.endsWith('.part'))) throw new Violation(`a restore left ${names.join(', ')}`);
  await rm(folder, { recursive: true });
}

async function assertReads(process: SoakProcess, store: Store, { point, hashes }: ShownPoint): Promise<void> {
  const now = await getPoint(process.db.queries, point.itemId, point.id);
  if (!now || !isVaulted(now)) throw new Violation(`point ${point.id} was shown and is no longer listed`);
  for (const { lun, root } of now.disks) {
    const hash = await hashOfDisk(store, root as unknown as DiskRoot).catch((error: unknown) => {
      throw new Violation(`point ${point.id}, LUN ${lun} cannot be read: ${(error as Error).message}`, {
        cause: error,
      });
    });
    if (hash !== hashes.get(lun))
      throw new Violation(`point ${point.id}, LUN ${lun}: other bytes than its snapshot had`);
  }
}

/** SHA-256 of a whole disk as the store holds it. Errors: those of DiskReader. */
export async function hashOfDisk(store: Pick<Store, 'backend' | 'workerKeys'>, root: DiskRoot): Promise<string> {
  const reader = new DiskReader({ backend: store.backend, keys: store.workerKeys }, root);
  const span = leafSpanBytes(root.chunkSizeBytes);
  const hash = createHash('sha256');
  const leaf = Buffer.alloc(Math.min(span, root.sizeBytes));
  let at = 0;
  const skipTo = (offset: number): void => {
    leaf.fill(0);
    for (; at < offset; at += Math.min(leaf.length, offset - at))
      hash.update(leaf.subarray(0, Math.min(leaf.length, offset - at)));
  };
  for await (const { index } of reader.leaves()) {
    skipTo(index * span);
    leaf.fill(0);
    await reader.readLeafCells(index, (offset, bytes) => void leaf.set(bytes, offset - index * span));
    const length = Math.min(span, root.sizeBytes - index * span);
    hash.update(leaf.subarray(0, length));
    at += length;
  }
  skipTo(root.sizeBytes);
  return hash.digest('hex');
}

/** Whatever the store lists is whole, needs no database, and is known to it; what is not whole is known as damaged. */
async function assertListedIsWhole(
  process: SoakProcess,
  store: Store,
  alarms: Alarms & { readonly isDegraded: boolean },
): Promise<void> {
  const { rig, db } = process;
  const kek = await process.keyOf(rig.vaultId);
  const { damages } = await verifyAll({ backend: store.backend, kek });
  const unknown = damages.filter(({ object, pointId }) => {
    if (pointId === undefined && alarms.isDegraded) return false;
    return !alarms.packs.has(packIdOf(object)) && !(pointId !== undefined && alarms.points.has(pointId));
  });
  if (unknown.length > 0) throw new Violation(`the store is damaged: ${JSON.stringify(unknown.slice(0, 3))}`);
  const listed: string[] = [];
  for await (const { name } of store.commits()) listed.push(name);
  const points = (await Promise.all(rig.items.map(({ id }) => allPoints(db.queries, id)))).flat();
  const known = points.filter(isVaulted).map(({ vaulted }) => vaulted!.commitName);
  // a prune that was killed between its mark and the deletion is gone on with by the next one
  const leaving = points
    .filter(({ vaulted }) => vaulted?.deletedAt !== undefined)
    .map(({ vaulted }) => vaulted!.commitName);
  const unknownHere = listed.filter((name) => !known.includes(name) && !leaving.includes(name));
  const lostThere = known.filter((name) => !listed.includes(name));
  if (unknownHere.length > 0)
    throw new Violation(`the store lists what the database does not: ${unknownHere.join(', ')}`);
  if (lostThere.length > 0) throw new Violation(`the database lists what the store does not: ${lostThere.join(', ')}`);
}

const packIdOf = (object: string): string => /([0-9a-f]{32})/.exec(object)?.[1] ?? object;

async function assertNothingLeftOver(process: SoakProcess): Promise<void> {
  const { rig, db } = process;
  const open = await db.queries
    .selectFrom('sessions')
    .select('id')
    .where('state', 'in', ['open', 'committing'])
    .execute();
  if (open.length > 0) throw new Violation(`sessions without a job: ${JSON.stringify(open)}`);
  for (const folder of rig.storeFolders) {
    const files = await readdir(join(folder, '.tmp')).catch(() => []);
    if (files.length > 0) throw new Violation(`${files.length} scratch files are left in the store`);
  }
}

async function assertNoOrphans(process: SoakProcess, store: Store): Promise<void> {
  const reached = await reachedPacks(store);
  const trash = await process.db.queries.selectFrom('trash').select('name').execute();
  const waiting = new Set(trash.map(({ name }) => name));
  const orphans: string[] = [];
  for await (const { name } of store.backend.list('p/'))
    if (!waiting.has(name) && !reached.has(name.split('/')[2]!.slice(0, 32))) orphans.push(name);
  if (orphans.length === 0) return;
  const row = await process.db.queries
    .selectFrom('packs')
    .select(['state', 'condemned_for', 'condemned_at', 'session_id'])
    .where('pack_id', '=', packIdOf(orphans[0]!))
    .executeTakeFirst();
  throw new Violation(`${orphans.length} packs that no point reaches are left: ${orphans[0]} ${JSON.stringify(row)}`);
}

const shuffled = <T>(values: readonly T[], salt: number): readonly T[] =>
  values.toSorted((a, b) => mix(values.indexOf(a), salt) - mix(values.indexOf(b), salt));

const mix = (index: number, salt: number): number => Math.imul(index + 1, 0x9e3779b9 ^ salt) >>> 0;
