import type { ProtectedItem } from '../vault/protectedItem.ts';
import { healthOf, isActivelyProtected } from '../vault/protection.ts';
import type { Queries } from './schema.ts';

/** Errors of the database when the vault has an item of this machine. */
export const insertItem = async (db: Queries, item: ProtectedItem): Promise<void> => {
  const schedule = { next_due_at: isScheduled(item) ? 0 : null, prune_at: 0, pruned_at: null };
  await db
    .insertInto('items')
    .values({ ...toRow(item), ...schedule })
    .execute();
};

/** When the schedule looks at it next stays as it is, unless it begins or ends to be scheduled. */
export const updateItem = async (db: Queries, item: ProtectedItem): Promise<void> => {
  await db
    .updateTable('items')
    .set((e) => ({
      ...toRow(item),
      next_due_at: isScheduled(item) ? e.fn.coalesce('next_due_at', e.val(0)) : null,
    }))
    .where('id', '=', item.id)
    .execute();
};

/** Takes its points, occurrences and cursor along; its jobs stay in the history. */
export const deleteItem = async (db: Queries, itemId: string): Promise<void> => {
  await db.deleteFrom('points').where('item_id', '=', itemId).execute();
  await db.deleteFrom('occurrences').where('item_id', '=', itemId).execute();
  await db.deleteFrom('schedule_cursors').where('item_id', '=', itemId).execute();
  await db.deleteFrom('items').where('id', '=', itemId).execute();
};

export const getItem = async (db: Queries, itemId: string): Promise<ProtectedItem | undefined> => {
  const row = await db.selectFrom('items').select('body').where('id', '=', itemId).executeTakeFirst();
  return row && fromRow(row);
};

/** The item of a machine in one vault; compared without case. */
export const findItem = async (
  db: Queries,
  vaultId: string,
  resourceGroup: string,
  vmName: string,
): Promise<ProtectedItem | undefined> => {
  const row = await db
    .selectFrom('items')
    .select('body')
    .where('vault_id', '=', vaultId)
    .where('resource_group_key', '=', resourceGroup.toLowerCase())
    .where('vm_key', '=', vmName.toLowerCase())
    .executeTakeFirst();
  return row && fromRow(row);
};

/** The items of a machine in all vaults. */
export const findItemsOfMachine = async (
  db: Queries,
  resourceGroup: string,
  vmName: string,
): Promise<readonly ProtectedItem[]> => {
  const rows = await db
    .selectFrom('items')
    .select('body')
    .where('resource_group_key', '=', resourceGroup.toLowerCase())
    .where('vm_key', '=', vmName.toLowerCase())
    .orderBy('id')
    .execute();
  return rows.map(fromRow);
};

/** By resource group and machine, all at once: for what is done to each of them; people's lists are in itemList.ts. */
export const listItems = async (
  db: Queries,
  filter: { readonly vaultId?: string; readonly policyId?: string } = {},
): Promise<readonly ProtectedItem[]> => {
  let query = db.selectFrom('items').select('body');
  if (filter.vaultId !== undefined) query = query.where('vault_id', '=', filter.vaultId);
  if (filter.policyId !== undefined) query = query.where('policy_id', '=', filter.policyId);
  return (await query.orderBy('resource_group_key').orderBy('vm_key').orderBy('id').execute()).map(fromRow);
};

/** Soft-deleted items whose time is over. */
export const listItemsToPurge = async (db: Queries, now: number): Promise<readonly ProtectedItem[]> =>
  (
    await db.selectFrom('items').select('body').where('purge_at', '<=', now).orderBy('purge_at').orderBy('id').execute()
  ).map(fromRow);

/** The item in an `items` row. */
export const fromRow = (row: { readonly body: string }): ProtectedItem => JSON.parse(row.body) as ProtectedItem;

const isScheduled = (item: ProtectedItem): boolean => isActivelyProtected(item) && item.policyId !== undefined;

const toRow = (item: ProtectedItem) => ({
  id: item.id,
  vault_id: item.vaultId,
  resource_group_key: item.resourceGroup.toLowerCase(),
  vm_key: item.vmName.toLowerCase(),
  policy_id: item.policyId ?? null,
  protection_state: item.protectionState,
  purge_at: item.softDelete?.purgeAt ?? null,
  is_deleted: item.softDelete === undefined ? 0 : 1,
  health: healthOf(item),
  has_intent: item.intent === undefined ? 0 : 1,
  purge_announced: item.softDelete?.announcedAt === undefined ? 0 : 1,
  snapshot_group_key: item.snapshotGroup?.toLowerCase() ?? null,
  body: JSON.stringify(item),
});
