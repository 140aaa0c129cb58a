import { sessionFacts } from '../db/collection.ts';
import { listItems } from '../db/items.ts';
import { lockedPacks } from '../db/packLocks.ts';
import { allPoints, getPoint, putPoint } from '../db/points.ts';
import { getPolicy } from '../db/policies.ts';
import { changeStoreState, getStoreState } from '../db/storeStates.ts';
import { getVault } from '../db/vaults.ts';
import { isCoded } from '../lib/error.ts';
import type { Backend, LockSpec } from '../store/backend.ts';
import type { JsonObject } from '../vault/json.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import { isRetentionPaused } from '../vault/protection.ts';
import { isVaulted, type RecoveryPoint } from '../vault/recoveryPoint.ts';
import { expiryByRules } from '../vault/retention.ts';
import type { JobContext } from './context.ts';
import { lockOf } from './lockOf.ts';
import { fused } from './locks/fused.ts';
import { disksBeside, extendObjects, extendPacks, type LockedVault, lockPoint, lockTarget } from './locks/lockPoint.ts';
import { raiseLocks } from './locks/raiseLocks.ts';
import type { JobOutcome } from './runner.ts';
import type { OpenVault } from './vaultStores.ts';

/** Packs of which one run asks the storage whether it keeps them as long as the database believes. */
const CHECKED_A_RUN = 2_000;
const NAMED_AT_MOST = 20;

/** What StoreState.locks shows. */
interface LockState extends JsonObject {
  readonly at: number;
  /** Points in the vault, and those whose every pack is locked as long as the point is kept. */
  readonly points: number;
  readonly covered: number;
  /** Packs whose lock was made longer by this run. */
  readonly extended: number;
  /** Packs the storage was asked about, and those it had locked for less than was believed: they are locked anew. */
  readonly checked: number;
  readonly renewed: number;
  /** Objects and points that could not be locked, the first ones. */
  readonly missing: string[];
  /** The next run asks about the packs behind this one. */
  readonly cursor: string;
  /** `compliance`: no lock of another mode is left. */
  readonly mode: LockSpec['mode'];
  /** Why there are, though the vault is to have none. */
  readonly notRaised: string[];
}

/** What a run's look at the storage itself gave. */
type StorageLook = Pick<LockState, 'checked' | 'renewed' | 'cursor' | 'mode' | 'notRaised'>;

/**
 * Housekeeping, hourly: every point of the vault is locked as long as it is kept, also when a policy has made that
 * longer. No parameters. Errors: StoreIoFailed, and those of VaultStores.open.
 */
export async function runExtendLocks(context: JobContext): Promise<JobOutcome> {
  const { db, stores, job } = context;
  const vault = await stores.open(job.vaultId);
  if (!vault.store.backend.lock || vault.failedOver) return noLocks(context, vault);
  const run = new LockRun(context, vault);
  for (const item of await listItems(db.queries, { vaultId: job.vaultId })) await run.item(item);
  await run.keys();
  const { locks } = await getStoreState(db.queries, job.vaultId);
  const checked = await run.checkStorage(typeof locks?.cursor === 'string' ? locks.cursor : '');
  return conclude(context, run, { ...checked, ...(await raised(context, vault, locks?.mode)) });
}

class LockRun {
  points = 0;
  covered = 0;
  extended = 0;
  missing: string[] = [];
  #longest = 0;
  readonly #context: JobContext;
  readonly #vault: LockedVault;

  constructor(context: JobContext, vault: OpenVault) {
    this.#context = context;
    // who may delete may also raise a lock's mode where it is made longer
    const store = { ...vault.store, backend: vault.reaper };
    this.#vault = { store, secondary: vault.secondary && fused(vault.secondary) };
  }

  /** The longest locks first: what they reach needs no second look for the shorter ones. */
  async item(item: ProtectedItem): Promise<void> {
    const { db, clock, signal } = this.#context;
    const policy = item.policyId === undefined ? undefined : await getPolicy(db.queries, item.policyId);
    const points = await allPoints(db.queries, item.id, { vaultedOnly: true });
    const isPaused = isRetentionPaused(item);
    const now = clock.now();
    const wanted = points.map((point) => {
      const expiresAt = isPaused ? undefined : (point.vaulted?.expiresAt ?? expiryByRules(point, points, policy));
      const known = expiresAt !== undefined && expiresAt > now ? expiresAt : undefined;
      return { point, expiresAt: known, until: lockTarget(known, now) };
    });
    const reached = new Map(points.map((point) => [point.id, point.vaulted?.lockedUntil ?? 0]));
    for (const { point, expiresAt, until } of wanted.sort((a, b) => b.until - a.until)) {
      signal.throwIfAborted();
      this.points++;
      this.#longest = Math.max(this.#longest, until);
      if (reached.get(point.id)! < until) {
        const near = nearest(point, points, (other) => reached.get(other.id)! >= until);
        if (!(await this.#lock(point, near, { until, expiresAt }))) continue;
        reached.set(point.id, until);
      }
      this.covered++;
    }
  }

  async #lock(
    point: RecoveryPoint,
    near: RecoveryPoint | undefined,
    { until, expiresAt }: { readonly until: number; readonly expiresAt: number | undefined },
  ): Promise<boolean> {
    const { db } = this.#context;
    const disks = disksBeside(point, near);
    const commitName = point.vaulted!.commitName;
    try {
      const subject = { vault: this.#vault, disks, commitName, until, expiresAt };
      const { extended, missing } = await lockPoint(this.#context, subject);
      this.extended += extended;
      this.missing.push(...missing);
      if (missing.length > 0) return false;
    } catch (error) {
      if (!isCoded(error, 'StoreDataDamaged') && !isCoded(error, 'StoreObjectMissing')) throw error;
      this.missing.push(`point ${point.id}: ${error.message}`);
      return false;
    }
    await db.transaction(async (tx) => {
      const current = await getPoint(tx, point.itemId, point.id);
      if (current?.vaulted && isVaulted(current))
        await putPoint(tx, { ...current, vaulted: { ...current.vaulted, lockedUntil: until } });
    });
    return true;
  }

  /** Without them nothing of the store is read. */
  async keys(): Promise<void> {
    if (this.#longest === 0) return;
    const names = ['fmt'];
    for await (const { name } of this.#vault.store.backend.list('keys/')) names.push(name);
    this.missing.push(...(await extendObjects(this.#vault, names, this.#longest)).values());
  }

  /** Asks the storage itself, some packs a run, all in turn: a pack may have been put anew, or come to a copy late. */
  async checkStorage(after: string): Promise<Pick<LockState, 'checked' | 'renewed' | 'cursor'>> {
    const { db, clock, signal } = this.#context;
    const { store, secondary } = this.#vault;
    const { vaultId, backend } = store;
    const packs = await lockedPacks(db.queries, vaultId, { after, now: clock.now(), limit: CHECKED_A_RUN });
    let renewed = 0;
    for (const pack of packs) {
      signal.throwIfAborted();
      const ends = [endOf(backend, pack.name, 0), ...(secondary ? [endOfCopy(secondary, pack.name)] : [])];
      if ((await Promise.all(ends)).every((end) => end >= pack.lockedUntil!)) continue;
      renewed++;
      this.missing.push(...(await extendPacks(this.#context, this.#vault, [pack], pack.lockedUntil!)));
    }
    const cursor = packs.length < CHECKED_A_RUN ? '' : packs.at(-1)!.packId;
    return { checked: packs.length, renewed, cursor };
  }
}

/** `ifMissing`: the answer when the object is not there. A place without locks has nothing to mend. */
async function endOf({ lock }: Pick<Backend, 'lock'>, name: string, ifMissing: number): Promise<number> {
  if (!lock) return Number.POSITIVE_INFINITY;
  try {
    return (await lock.retainedUntil(name)) ?? 0;
  } catch (error) {
    if (isCoded(error, 'StoreObjectMissing')) return ifMissing;
    throw error;
  }
}

/** What has not come to the secondary yet is locked when it comes; one that does not answer is told of as missing. */
const endOfCopy = (secondary: Pick<Backend, 'lock'>, name: string): Promise<number> =>
  endOf(secondary, name, Number.POSITIVE_INFINITY).catch((error: unknown) => {
    if (!isCoded(error)) throw error;
    return 0;
  });

/** A vault that was locked has its older locks raised once; a backup under way may still put with the older mode. */
async function raised(
  { db, job, signal }: JobContext,
  vault: OpenVault,
  before: unknown,
): Promise<Pick<LockState, 'mode' | 'notRaised'>> {
  const row = await getVault(db.queries, job.vaultId);
  const mode = (row && lockOf(row)?.mode) ?? 'governance';
  if (mode === 'governance' || before === mode) return { mode, notRaised: [] };
  const { underWay } = await sessionFacts(db.queries, job.vaultId);
  const notRaised = await raiseLocks(vault, signal);
  return { mode: notRaised.length > 0 || underWay.size > 0 ? 'governance' : mode, notRaised: [...notRaised] };
}

const nearest = (
  point: RecoveryPoint,
  points: readonly RecoveryPoint[],
  isLocked: (other: RecoveryPoint) => boolean,
): RecoveryPoint | undefined => {
  const distance = (other: RecoveryPoint) => Math.abs(other.takenAt - point.takenAt);
  return points
    .filter((other) => other.id !== point.id && isLocked(other))
    .reduce<RecoveryPoint | undefined>(
      (best, one) => (best && distance(best) <= distance(one) ? best : one),
      undefined,
    );
};

async function conclude(
  { db, clock, log, job }: JobContext,
  { points, covered, extended, missing }: LockRun,
  storage: StorageLook,
): Promise<JobOutcome> {
  const named = missing.slice(0, NAMED_AT_MOST);
  const locks: LockState = { at: clock.now(), points, covered, extended, missing: named, ...storage };
  await db.transaction((tx) => changeStoreState(tx, job.vaultId, { locks }));
  const isWhole = covered === points && missing.length === 0;
  if (!isWhole)
    log.error({ vault: job.vaultId, points, covered, missing: named }, 'locks do not cover all of the vault');
  return {
    status: isWhole && storage.notRaised.length === 0 ? 'Completed' : 'CompletedWithWarnings',
    propertyBag: {
      'Recovery Points': String(points),
      'Locked Recovery Points': String(covered),
      'Packs Extended': String(extended),
      'Packs Checked': String(storage.checked),
      ...(storage.renewed > 0 ? { 'Packs Locked Anew': String(storage.renewed) } : {}),
      ...(missing.length > 0 ? { 'Not Locked': named.join(', ') } : {}),
      ...(storage.notRaised.length > 0 ? { 'Not Raised to Compliance': storage.notRaised.join(' ') } : {}),
    },
  };
}

/** The vault's own rules still hold; what lies below them does not. */
async function noLocks({ db, clock, job }: JobContext, { failedOver }: OpenVault): Promise<JobOutcome> {
  const isWanted = (await getVault(db.queries, job.vaultId))?.immutability !== 'Disabled';
  const why = failedOver
    ? 'The vault reads from its secondary, to which nothing is written.'
    : isWanted
      ? 'The storage of this vault cannot lock objects.'
      : "The vault's immutability is Disabled.";
  const locks = isWanted && !failedOver ? { at: clock.now(), why } : undefined;
  if (!failedOver) await db.transaction((tx) => changeStoreState(tx, job.vaultId, { locks }));
  return { status: 'Completed', propertyBag: { Locks: why } };
}
