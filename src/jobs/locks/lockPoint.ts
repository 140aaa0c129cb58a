import { noteLocked, type PackLock, packLocks } from '../../db/packLocks.ts';
import { DAY_MS } from '../../lib/clock.ts';
import { isCoded } from '../../lib/error.ts';
import type { Backend } from '../../store/backend.ts';
import { pointPacks } from '../../store/pointPacks.ts';
import type { DiskRoot } from '../../store/tree.ts';
import type { RecoveryPoint } from '../../vault/recoveryPoint.ts';
import type { JobTools } from '../context.ts';
import type { OpenVault } from '../vaultStores.ts';

/** Points of many days end in the same step, so a pack is extended once in 30 days and not with every backup. */
const STEP_MS = 30 * DAY_MS;
/** A point without a known end is locked so far ahead, again and again. */
const ROLLING_MS = 30 * DAY_MS;
const AT_ONCE = 16;
const BATCH = 256;

/** How long a point's packs are locked, ms: to its end, or for the time being where none is known; in whole steps. */
export const lockTarget = (expiresAt: number | undefined, now: number): number =>
  Math.ceil(Math.max(expiresAt ?? now + ROLLING_MS, now) / STEP_MS) * STEP_MS;

export interface LockedPoint {
  /** Packs whose lock was made longer. */
  readonly extended: number;
  /** Objects that could not be locked: they are missing, or the database does not know them. */
  readonly missing: readonly string[];
}

/** A vault as who locks it sees it. */
export interface LockedVault {
  readonly store: Pick<OpenVault['store'], 'backend' | 'structKeys' | 'vaultId'>;
  readonly secondary?: Pick<Backend, 'lock'> | undefined;
}

export interface LockSubject {
  readonly vault: LockedVault;
  readonly disks: readonly LockedDisk[];
  readonly commitName: string;
  /** As `lockTarget` has it. */
  readonly until: number;
  /** When the point ends, ms: what its commit object is locked to. */
  readonly expiresAt: number | undefined;
}

export interface LockedDisk {
  readonly root: DiskRoot;
  /** The same disk in a point whose packs are locked at least as long. */
  readonly sharedWith?: DiskRoot | undefined;
}

/**
 * Locks every pack that a point reaches, and its commit object. Errors: StoreDataDamaged, StoreObjectMissing (a node
 * cannot be read, so nobody knows what lies under it), StoreIoFailed.
 */
export async function lockPoint(
  tools: Pick<JobTools, 'db'> & { readonly signal: AbortSignal },
  { vault, disks, commitName, until, expiresAt }: LockSubject,
): Promise<LockedPoint> {
  const { backend, structKeys: keys, vaultId } = vault.store;
  const missing: string[] = [];
  let extended = 0;
  let batch: string[] = [];
  const flush = async () => {
    const known = await packLocks(tools.db.queries, vaultId, batch);
    const ids = new Set(known.map(({ packId }) => packId));
    missing.push(...batch.filter((packId) => !ids.has(packId)));
    const short = known.filter(({ lockedUntil }) => lockedUntil === null || lockedUntil < until);
    missing.push(...(await extendPacks(tools, vault, short, until)));
    extended += short.length;
    batch = [];
  };
  for (const { root, sharedWith } of disks) {
    const options = { backend, keys, signal: tools.signal, sharedWith };
    for await (const packId of pointPacks(options, root)) if (batch.push(packId) === BATCH) await flush();
  }
  await flush();
  missing.push(...(await extendObjects(vault, [commitName], expiresAt ?? until)).values());
  return { extended, missing };
}

/** Locks packs and writes down that they are; those that could not be locked are returned. */
export async function extendPacks(
  { db }: Pick<JobTools, 'db'>,
  vault: LockedVault,
  packs: readonly PackLock[],
  until: number,
): Promise<readonly string[]> {
  const missing = await extendObjects(
    vault,
    packs.map(({ name }) => name),
    until,
  );
  const locked = packs.filter(({ name }) => !missing.has(name)).map(({ packId }) => packId);
  await noteLocked(db.queries, vault.store.vaultId, locked, until);
  return [...missing.values()];
}

/**
 * What could not be locked, by name, in words: it is not there, or the secondary does not answer, which holds nothing
 * else up and is tried again. Errors: StoreIoFailed (the vault itself does not answer).
 */
export async function extendObjects(
  { store: { backend }, secondary }: LockedVault,
  names: readonly string[],
  until: number,
): Promise<ReadonlyMap<string, string>> {
  const missing = new Map<string, string>();
  const queue = names.values();
  let away: string | undefined;
  const work = async () => {
    for (const name of queue) {
      if (!(await extendIn(backend, name, until))) missing.set(name, name);
      if (!secondary?.lock) continue;
      // what has not come there yet is locked when it comes; one that is away is not waited for again and again
      away ??= await problemOf(() => extendIn(secondary, name, until));
      if (away !== undefined) missing.set(name, `${name} (${away})`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return missing;
}

/** In words why the secondary did not do it. */
const problemOf = async (work: () => Promise<unknown>): Promise<string | undefined> => {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (!isCoded(error)) throw error;
    return `secondary: ${error.message}`;
  }
};

async function extendIn({ lock }: Pick<Backend, 'lock'>, name: string, until: number): Promise<boolean> {
  try {
    await lock?.extend(name, until);
    return true;
  } catch (error) {
    if (isCoded(error, 'StoreObjectMissing')) return false;
    throw error;
  }
}

/** The disks of a point beside those of another one. */
export const disksBeside = (
  point: Pick<RecoveryPoint, 'disks'>,
  other: Pick<RecoveryPoint, 'disks'> | undefined,
): readonly LockedDisk[] =>
  point.disks.flatMap(({ lun, root }) => {
    if (root === undefined) return [];
    const sharedWith = other?.disks.find((disk) => disk.lun === lun)?.root;
    return [
      {
        root: root as unknown as DiskRoot,
        ...(sharedWith !== undefined && { sharedWith: sharedWith as unknown as DiskRoot }),
      },
    ];
  });
