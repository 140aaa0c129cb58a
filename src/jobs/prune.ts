import { setPruned } from '../db/itemSchedule.ts';
import { getItem } from '../db/items.ts';
import { listUnendedJobs } from '../db/jobList.ts';
import { allPoints, deletePoint, putPoint } from '../db/points.ts';
import { getPolicy } from '../db/policies.ts';
import { getVault } from '../db/vaults.ts';
import { HOUR_MS } from '../lib/clock.ts';
import { isCoded } from '../lib/error.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import { isRetentionPaused } from '../vault/protection.ts';
import { hasSnapshot, isRestorable, isVaulted, type RecoveryPoint, type SnapshotTier } from '../vault/recoveryPoint.ts';
import { decideSnapshots, decideVaulted, type RetentionDecision } from '../vault/retention.ts';
import { decideVaultTier, type TierContext } from '../vault/vaultTierDecision.ts';
import type { JobTools } from './context.ts';
import { letCommitGo } from './letCommitGo.ts';
import { heldByLocks, locksOnSnapshots } from './snapshotGroup.ts';
import { assertStoreAgrees, isReconcileDue } from './storeAgreement.ts';

export type PruneTools = Pick<JobTools, 'db' | 'clock' | 'log' | 'hosts' | 'stores'>;

/** Every item is looked through once a day, also when nothing of it ends. */
const AT_LATEST_MS = 24 * HOUR_MS;
const AT_EARLIEST_MS = 60_000;
/** Of a vault that is gone already. */
const SOFT_DELETE_DAYS = 14;

/** What keeps snapshots from being let go just now. */
interface Holds {
  /** A transfer or restore reads the item's snapshot chain, of which nothing may be taken away meanwhile. */
  readonly isChainRead: boolean;
  /** Locks on the resource group of the snapshots, in words. */
  readonly locks?: string;
}

/**
 * Lets an item's expired points go and writes down, on those that stay, until when and why. A tier is first no longer
 * restorable, then its commit object or snapshot is deleted, then the row goes: what a crash leaves, the next run ends.
 * What could not go for a reason that people must know, in words.
 */
export async function pruneItem(tools: PruneTools, itemId: string): Promise<string | undefined> {
  const { db, clock } = tools;
  const item = await getItem(db.queries, itemId);
  if (!item) return undefined;
  const now = clock.now();
  if (await isReconcileDue(db, item.vaultId))
    return void (await setPruned(db.queries, itemId, { nextAt: now + HOUR_MS }));
  const policy = item.policyId === undefined ? undefined : await getPolicy(db.queries, item.policyId);
  const points = await allPoints(db.queries, itemId);
  const context = { now, isPaused: isRetentionPaused(item) };
  const vault = await getVault(db.queries, item.vaultId);
  const tiers = { ...context, softDeleteRetentionDays: vault?.softDeleteRetentionDays ?? SOFT_DELETE_DAYS };
  const restorable = points.filter(isRestorable);
  const vaulted = byPoint(decideVaulted(restorable, policy, context));
  const snapshots = byPoint(decideSnapshots(restorable, policy, context));
  const holds = await whatHolds(tools, item);
  const isHeld = holds.isChainRead || holds.locks !== undefined;
  let isWhole = true;
  let nextAt = now + AT_LATEST_MS;
  for (const point of points) {
    const snapshot = isHeld ? undefined : snapshots.get(point.id);
    const marked = await mark(tools, point, { vaulted: vaulted.get(point.id), snapshot }, tiers);
    isWhole = (await removeUnrestorable(tools, item, marked, isHeld)) && isWhole;
    for (const end of endsOf(marked)) nextAt = Math.min(nextAt, end);
  }
  const wouldGo = isHeld && [...snapshots.values()].some(({ keep }) => !keep);
  if (!isWhole || wouldGo) nextAt = Math.min(nextAt, now + HOUR_MS);
  await setPruned(db.queries, itemId, { prunedAt: now, nextAt: Math.max(nextAt, now + AT_EARLIEST_MS) });
  return wouldGo ? holds.locks : undefined;
}

/** False: some of it stays for now, because it is read, its host is silent or the storage holds it. */
export async function removeUnrestorable(
  tools: PruneTools,
  item: ProtectedItem,
  point: RecoveryPoint,
  areSnapshotsHeld: boolean,
): Promise<boolean> {
  const { db } = tools;
  const { vaulted, snapshot } = point;
  const isHeld =
    vaulted && !isVaulted(point)
      ? !(await letCommitGo(tools, await assertStoreAgrees(tools, item.vaultId), vaulted))
      : false;
  if (snapshot && !hasSnapshot(point)) {
    if (areSnapshotsHeld || !(await letSnapshotGo(tools, item, snapshot))) return false;
  }
  if (isHeld) return false;
  if (!isRestorable(point)) await deletePoint(db.queries, item.id, point.id);
  return true;
}

/** A transfer or restore of the item is under way. */
export async function isBeingRead({ db }: Pick<PruneTools, 'db'>, itemId: string): Promise<boolean> {
  const jobs = await listUnendedJobs(db.queries, { itemId });
  return jobs.some(({ subTasks }) => subTasks.some((task) => task.status === 'InProgress'));
}

async function whatHolds(tools: PruneTools, item: ProtectedItem): Promise<Holds> {
  const isChainRead = await isBeingRead(tools, item.id);
  const locks = await locksOnSnapshots(tools.db.queries, item);
  return locks.length === 0 ? { isChainRead } : { isChainRead, locks: heldByLocks(item, locks) };
}

async function mark(
  { db }: PruneTools,
  point: RecoveryPoint,
  { vaulted, snapshot }: { vaulted: RetentionDecision | undefined; snapshot: RetentionDecision | undefined },
  context: TierContext,
): Promise<RecoveryPoint> {
  const tier = point.vaulted && vaulted ? decideVaultTier(point.vaulted, vaulted, context) : point.vaulted;
  const reasons = tier?.softDelete ? ['soft delete'] : (vaulted?.reasons ?? []);
  const marked: RecoveryPoint = {
    ...point,
    ...(tier ? { vaulted: tier } : {}),
    ...(point.snapshot && snapshot ? { snapshot: snapshotTier(point.snapshot, snapshot, context.now) } : {}),
    keptBy: [...new Set([...reasons, ...(snapshot?.reasons ?? [])])],
  };
  if (JSON.stringify(marked) !== JSON.stringify(point)) await putPoint(db.queries, marked);
  return marked;
}

const snapshotTier = (tier: SnapshotTier, { expiresAt, keep }: RetentionDecision, now: number): SnapshotTier => {
  const { expiresAt: _, ...rest } = tier;
  return { ...rest, ...(expiresAt === undefined ? {} : { expiresAt }), ...(keep ? {} : { deletedAt: now }) };
};

/** Also when its machine is gone. False while the host that has it is not there: it is asked again. */
async function letSnapshotGo(
  { hosts, log }: PruneTools,
  item: ProtectedItem,
  { snapshotId, host = item.host }: NonNullable<RecoveryPoint['snapshot']>,
): Promise<boolean> {
  try {
    await hosts.get(host).deleteSnapshot({ resourceGroup: item.resourceGroup, name: item.vmName }, snapshotId);
    return true;
  } catch (error) {
    if (!isCoded(error, 'HostUnavailable')) throw error;
    log.warn({ item: item.id, host, snapshot: snapshotId, reason: error.message }, 'a snapshot could not be let go');
    return false;
  }
}

/** When a tier of it ends, ms. */
const endsOf = (point: RecoveryPoint): readonly number[] =>
  [
    ...(hasSnapshot(point) ? [point.snapshot?.expiresAt] : []),
    ...(isVaulted(point) ? [point.vaulted?.softDelete?.purgeAt ?? point.vaulted?.expiresAt] : []),
  ].filter((end) => end !== undefined);

const byPoint = (decisions: readonly RetentionDecision[]): ReadonlyMap<string, RetentionDecision> =>
  new Map(decisions.map((decision) => [decision.pointId, decision]));
