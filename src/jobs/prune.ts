import { deleteItem, getItem, listItemsToPurge } from '../db/items.ts';
import { listUnendedJobs } from '../db/jobList.ts';
import { allPoints, deletePoint, putPoint } from '../db/points.ts';
import { getPolicy } from '../db/policies.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import { isRetentionPaused } from '../vault/protection.ts';
import { hasSnapshot, isRestorable, isVaulted, type RecoveryPoint } from '../vault/recoveryPoint.ts';
import { decideSnapshots, decideVaulted, type RetentionDecision } from '../vault/retention.ts';
import type { JobTools } from './context.ts';
import { letCommitGo } from './letCommitGo.ts';
import { assertStoreAgrees, isReconcileDue } from './storeAgreement.ts';

type PruneTools = Pick<JobTools, 'db' | 'clock' | 'log' | 'hosts' | 'stores'>;

/**
 * Lets an item's expired points go and writes down, on those that stay, until when and why. A tier is first no longer
 * restorable, then its commit object or snapshot is deleted, then the row goes: what a crash leaves, the next run ends.
 */
export async function pruneItem(tools: PruneTools, itemId: string): Promise<void> {
  const { db, clock } = tools;
  const item = await getItem(db.queries, itemId);
  if (!item || (await isReconcileDue(db, item.vaultId))) return;
  const policy = item.policyId === undefined ? undefined : await getPolicy(db.queries, item.policyId);
  const points = await allPoints(db.queries, itemId);
  const context = { now: clock.now(), isPaused: isRetentionPaused(item) };
  const restorable = points.filter(isRestorable);
  const vaulted = byPoint(decideVaulted(restorable, policy, context));
  const snapshots = byPoint(decideSnapshots(restorable, policy, context));
  const isChainRead = await isBeingRead(tools, itemId);
  for (const point of points) {
    const marked = await mark(tools, point, vaulted.get(point.id), isChainRead ? undefined : snapshots.get(point.id));
    await removeUnrestorable(tools, item, marked, isChainRead);
  }
}

/** Deletes the points of soft-deleted items whose time is over, then the items. */
export async function purgeItems(tools: PruneTools): Promise<void> {
  const { db, clock, log } = tools;
  for (const item of await listItemsToPurge(db.queries, clock.now())) {
    if ((await isReconcileDue(db, item.vaultId)) || (await isBeingRead(tools, item.id))) continue;
    const deletedAt = clock.now();
    let isWhole = true;
    for (const point of await allPoints(db.queries, item.id)) {
      const gone = {
        ...point,
        ...(point.snapshot && { snapshot: { ...point.snapshot, deletedAt } }),
        ...(point.vaulted && { vaulted: { ...point.vaulted, deletedAt } }),
      };
      await putPoint(db.queries, gone);
      isWhole = (await removeUnrestorable(tools, item, gone, false)) && isWhole;
    }
    if (!isWhole) continue;
    await db.transaction((tx) => deleteItem(tx, item.id));
    log.info({ item: item.id, machine: item.vmName }, 'a soft-deleted item was purged');
  }
}

/** A transfer or restore of the item reads its snapshot chain, of which nothing may be taken away meanwhile. */
async function isBeingRead({ db }: PruneTools, itemId: string): Promise<boolean> {
  const jobs = await listUnendedJobs(db.queries, { itemId });
  return jobs.some(({ subTasks }) => subTasks.some((task) => task.status === 'InProgress'));
}

async function mark(
  { db, clock }: PruneTools,
  point: RecoveryPoint,
  vaulted: RetentionDecision | undefined,
  snapshot: RetentionDecision | undefined,
): Promise<RecoveryPoint> {
  const deletedAt = clock.now();
  const tier = <T extends object>(now: T, decision: RetentionDecision): T => {
    const { expiresAt: _expiresAt, ...rest } = now as T & { expiresAt?: number };
    const expiry = decision.expiresAt === undefined ? {} : { expiresAt: decision.expiresAt };
    return { ...rest, ...expiry, ...(decision.keep ? {} : { deletedAt }) } as unknown as T;
  };
  const marked: RecoveryPoint = {
    ...point,
    ...(point.vaulted && vaulted ? { vaulted: tier(point.vaulted, vaulted) } : {}),
    ...(point.snapshot && snapshot ? { snapshot: tier(point.snapshot, snapshot) } : {}),
    keptBy: [...new Set([...(vaulted?.reasons ?? []), ...(snapshot?.reasons ?? [])])],
  };
  if (JSON.stringify(marked) !== JSON.stringify(point)) await putPoint(db.queries, marked);
  return marked;
}

/** False: some of it stays for now, because it is read or the storage holds it. */
async function removeUnrestorable(
  tools: PruneTools,
  item: ProtectedItem,
  point: RecoveryPoint,
  isChainRead: boolean,
): Promise<boolean> {
  const { db, hosts } = tools;
  const { vaulted, snapshot } = point;
  const isHeld =
    vaulted && !isVaulted(point)
      ? !(await letCommitGo(tools, await assertStoreAgrees(tools, item.vaultId), vaulted))
      : false;
  if (snapshot && !hasSnapshot(point)) {
    if (isChainRead) return false;
    await hosts
      .get(item.host)
      .deleteSnapshot({ resourceGroup: item.resourceGroup, name: item.vmName }, snapshot.snapshotId);
  }
  if (isHeld) return false;
  if (!isRestorable(point)) await deletePoint(db.queries, item.id, point.id);
  return true;
}

const byPoint = (decisions: readonly RetentionDecision[]): ReadonlyMap<string, RetentionDecision> =>
  new Map(decisions.map((decision) => [decision.pointId, decision]));
