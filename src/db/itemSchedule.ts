import type { ProtectedItem } from '../vault/protectedItem.ts';
import { fromRow } from './items.ts';
import { setScheduleCursor } from './schedule.ts';
import type { Queries } from './schema.ts';

export interface DueItem {
  readonly id: string;
  /** Since when, ms; 0: at once. */
  readonly dueAt: number;
}

/**
 * Items the schedule must look at now, longest due first; each is given its next time by `setNextDue`.
 * `after`: the last one of the page before.
 */
export const listItemsDue = async (
  db: Queries,
  now: number,
  page: { readonly limit: number; readonly after?: DueItem | undefined },
): Promise<readonly DueItem[]> => {
  let query = db.selectFrom('items').select(['id', 'next_due_at']).where('next_due_at', '<=', now);
  const { after } = page;
  if (after) query = query.where((e) => e(e.refTuple('next_due_at', 'id'), '>', e.tuple(after.dueAt, after.id)));
  const rows = await query.orderBy('next_due_at').orderBy('id').limit(page.limit).execute();
  return rows.map((row) => ({ id: row.id, dueAt: row.next_due_at ?? 0 }));
};

/** No effect on an item that is not scheduled. */
export const setNextDue = async (db: Queries, itemId: string, at: number): Promise<void> => {
  await db
    .updateTable('items')
    .set({ next_due_at: at })
    .where('id', '=', itemId)
    .where('next_due_at', 'is not', null)
    .execute();
};

/** Its schedule begins now: after enabling, resuming or another policy. What was due before is not made up for. */
export const restartSchedule = async (db: Queries, itemId: string, now: number): Promise<void> => {
  await setScheduleCursor(db, itemId, now);
  await setNextDue(db, itemId, 0);
  await pruneSoon(db, itemId);
};

/**
 * The policy changed: its items follow it from now on, and their points are judged anew. An item whose backup is due
 * but not yet asked for keeps its claim. Items that have no cursor begin where they were made.
 */
export const restartSchedulesOfPolicy = async (db: Queries, policyId: string, now: number): Promise<void> => {
  const waiting = db.selectFrom('items').select('id').where('policy_id', '=', policyId).where('next_due_at', '>', now);
  await db.updateTable('schedule_cursors').set({ considered_until: now }).where('item_id', 'in', waiting).execute();
  await db
    .updateTable('items')
    .set({ next_due_at: 0 })
    .where('policy_id', '=', policyId)
    .where('next_due_at', '>', now)
    .execute();
  await db.updateTable('items').set({ prune_at: 0 }).where('policy_id', '=', policyId).execute();
};

/** Items whose points must be looked through now, longest due first. */
export const listItemsToPrune = async (db: Queries, now: number, limit: number): Promise<readonly string[]> =>
  (
    await db
      .selectFrom('items')
      .select('id')
      .where('prune_at', '<=', now)
      .orderBy('prune_at')
      .orderBy('id')
      .limit(limit)
      .execute()
  ).map(({ id }) => id);

const pruneSoon = async (db: Queries, itemId: string): Promise<void> => {
  await db.updateTable('items').set({ prune_at: 0 }).where('id', '=', itemId).execute();
};

/** `prunedAt` absent: it could not be looked through. */
export const setPruned = async (
  db: Queries,
  itemId: string,
  { prunedAt, nextAt }: { readonly prunedAt?: number; readonly nextAt: number },
): Promise<void> => {
  await db
    .updateTable('items')
    .set({ prune_at: nextAt, ...(prunedAt === undefined ? {} : { pruned_at: prunedAt }) })
    .where('id', '=', itemId)
    .execute();
};

/** When its points were last judged under its policy, ms. */
export const getPrunedAt = async (db: Queries, itemId: string): Promise<number | undefined> =>
  (await db.selectFrom('items').select('pruned_at').where('id', '=', itemId).executeTakeFirst())?.pruned_at ??
  undefined;

/** Soft-deleted items that go until `until`, and nobody was told so yet. */
export const listPurgesToAnnounce = async (
  db: Queries,
  until: number,
  limit: number,
): Promise<readonly ProtectedItem[]> =>
  (
    await db
      .selectFrom('items')
      .select('body')
      .where('purge_at', '<=', until)
      .where('purge_announced', '=', 0)
      .orderBy('purge_at')
      .orderBy('id')
      .limit(limit)
      .execute()
  ).map(fromRow);
