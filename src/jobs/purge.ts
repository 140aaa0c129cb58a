import { raiseAlert } from '../db/alerts.ts';
import { listPurgesToAnnounce } from '../db/itemSchedule.ts';
import { deleteItem, getItem, listItemsToPurge, updateItem } from '../db/items.ts';
import { allPoints, putPoint } from '../db/points.ts';
import { isoTime } from '../lib/clock.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import { isPurgeDue } from '../vault/protection.ts';
import { isBeingRead, type PruneTools, removeUnrestorable } from './prune.ts';
import { heldByLocks, locksOnSnapshots } from './snapshotGroup.ts';
import { isReconcileDue } from './storeAgreement.ts';

const ANNOUNCED_BEFORE_MS = 2 * 24 * 60 * 60 * 1000;
const PAGE = 200;

/** Tells people two days ahead which deleted items are about to go for good. */
export async function announcePurges({ db, clock }: Pick<PruneTools, 'db' | 'clock'>): Promise<void> {
  for (;;) {
    const now = clock.now();
    const items = await listPurgesToAnnounce(db.queries, now + ANNOUNCED_BEFORE_MS, PAGE);
    for (const { id } of items)
      await db.transaction(async (tx) => {
        const item = await getItem(tx, id);
        if (!item?.softDelete) return;
        await updateItem(tx, { ...item, softDelete: { ...item.softDelete, announcedAt: now } });
        await raiseAlert(tx, {
          kind: 'UpcomingPurge',
          vaultId: item.vaultId,
          itemId: item.id,
          about: item.vmName,
          description: `The deleted backup data of '${item.vmName}' are purged at ${isoTime(item.softDelete.purgeAt)}. Until then they can be undeleted.`,
          at: now,
        });
      });
    if (items.length < PAGE) return;
  }
}

/** Deletes the points of soft-deleted items whose time is over, then the items. */
export async function purgeItems(tools: PruneTools): Promise<void> {
  const { db, clock, log } = tools;
  for (const { id } of await listItemsToPurge(db.queries, clock.now())) {
    try {
      const item = await beginPurge(tools, id);
      if (item) await purge(tools, item);
    } catch (error) {
      log.error({ err: error, item: id }, 'purging failed');
    }
  }
}

/** From here on it cannot be undeleted; undefined when it was meanwhile, or when something holds it. */
async function beginPurge(tools: PruneTools, itemId: string): Promise<ProtectedItem | undefined> {
  const { db, clock, log } = tools;
  const known = await getItem(db.queries, itemId);
  if (!known || (await isReconcileDue(db, known.vaultId)) || (await isBeingRead(tools, itemId))) return undefined;
  return db.transaction(async (tx) => {
    const item = await getItem(tx, itemId);
    if (!item?.softDelete || !isPurgeDue(item, clock.now())) return undefined;
    const locks = await locksOnSnapshots(tx, item);
    if (locks.length > 0) {
      log.warn({ item: item.id, reason: heldByLocks(item, locks) }, 'a deleted item cannot be purged');
      return undefined;
    }
    const purging = { ...item, softDelete: { purgingSince: clock.now(), ...item.softDelete } };
    await updateItem(tx, purging);
    return purging;
  });
}

async function purge(tools: PruneTools, item: ProtectedItem): Promise<void> {
  const { db, clock, log } = tools;
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
  if (!isWhole) return;
  await db.transaction(async (tx) => {
    await deleteItem(tx, item.id);
    await raiseAlert(tx, {
      kind: 'PurgeComplete',
      vaultId: item.vaultId,
      itemId: item.id,
      about: item.vmName,
      description: `The deleted backup data of '${item.vmName}' were purged: their retention after deletion was over.`,
      at: clock.now(),
    });
  });
  log.info({ item: item.id, machine: item.vmName }, 'a soft-deleted item was purged');
}
