import type { Policy } from '../vault/policy.ts';
import type { ProtectedItem, ProtectionState } from '../vault/protectedItem.ts';
import { restartSchedulesOfPolicy } from './itemSchedule.ts';
import type { Queries } from './schema.ts';

/** Makes it or replaces it, by id; its items follow it from `updatedAt` on. */
export const putPolicy = async (db: Queries, policy: Policy): Promise<void> => {
  const row = toRow(policy);
  await db
    .insertInto('policies')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
  await restartSchedulesOfPolicy(db, policy.id, policy.updatedAt);
};

export const getPolicy = async (db: Queries, policyId: string): Promise<Policy | undefined> => {
  const row = await db.selectFrom('policies').select('body').where('id', '=', policyId).executeTakeFirst();
  return row && fromRow(row);
};

/** Compared without case. */
export const findPolicy = async (db: Queries, vaultId: string, name: string): Promise<Policy | undefined> => {
  const row = await db
    .selectFrom('policies')
    .select('body')
    .where('vault_id', '=', vaultId)
    .where('name_key', '=', name.toLowerCase())
    .executeTakeFirst();
  return row && fromRow(row);
};

/** By name. */
export const listPolicies = async (db: Queries, vaultId: string): Promise<readonly Policy[]> => {
  const rows = await db
    .selectFrom('policies')
    .select('body')
    .where('vault_id', '=', vaultId)
    .orderBy('name_key')
    .execute();
  return rows.map(fromRow);
};

/** Protected items by the id of their policy; policies without items are absent. */
export const countItemsByPolicy = async (db: Queries, vaultId: string): Promise<ReadonlyMap<string, number>> => {
  const rows = await db
    .selectFrom('items')
    .select(['policy_id', (e) => e.fn.countAll<number>().as('items')])
    .where('vault_id', '=', vaultId)
    .where('policy_id', 'is not', null)
    .groupBy('policy_id')
    .execute();
  return new Map(rows.map((row) => [row.policy_id as string, Number(row.items)]));
};

/** Protected items under one policy. */
export const countItemsOfPolicy = async (db: Queries, policyId: string): Promise<number> => {
  const row = await db
    .selectFrom('items')
    .select((e) => e.fn.countAll<number>().as('items'))
    .where('policy_id', '=', policyId)
    .executeTakeFirstOrThrow();
  return Number(row.items);
};

/** By resource group and machine. */
export const listItemsOfPolicy = async (
  db: Queries,
  policyId: string,
  filter: { readonly state?: ProtectionState; readonly limit?: number } = {},
): Promise<readonly ProtectedItem[]> => {
  let query = db.selectFrom('items').select('body').where('policy_id', '=', policyId);
  if (filter.state !== undefined) query = query.where('protection_state', '=', filter.state);
  if (filter.limit !== undefined) query = query.limit(filter.limit);
  const rows = await query.orderBy('resource_group_key').orderBy('vm_key').orderBy('id').execute();
  return rows.map((row) => JSON.parse(row.body) as ProtectedItem);
};

export const countPolicies = async (db: Queries, vaultId: string): Promise<number> => {
  const row = await db
    .selectFrom('policies')
    .select((e) => e.fn.countAll<number>().as('policies'))
    .where('vault_id', '=', vaultId)
    .executeTakeFirstOrThrow();
  return Number(row.policies);
};

/** The caller has made sure that no item uses it. */
export const deletePolicy = async (db: Queries, policyId: string): Promise<void> => {
  await db.deleteFrom('policies').where('id', '=', policyId).execute();
};

const toRow = (policy: Policy) => ({
  id: policy.id,
  vault_id: policy.vaultId,
  name_key: policy.name.toLowerCase(),
  body: JSON.stringify(policy),
});

const fromRow = (row: { body: string }): Policy => JSON.parse(row.body) as Policy;
