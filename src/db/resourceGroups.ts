import type { Queries } from './schema.ts';
import { forgetScope } from './scopes.ts';

export interface ResourceGroup {
  readonly subscriptionId: string;
  readonly name: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly managedBy?: string;
  readonly createdAt: number;
  /** Id of the operation that deletes it. */
  readonly deleting?: string;
}

/** Makes it or replaces it. */
export const putResourceGroup = async (db: Queries, group: ResourceGroup): Promise<void> => {
  const body = JSON.stringify(group);
  await db
    .insertInto('resource_groups')
    .values({ subscription_id: group.subscriptionId.toLowerCase(), name_key: group.name.toLowerCase(), body })
    .onConflict((conflict) => conflict.columns(['subscription_id', 'name_key']).doUpdateSet({ body }))
    .execute();
};

export const findResourceGroup = async (
  db: Queries,
  subscriptionId: string,
  name: string,
): Promise<ResourceGroup | undefined> => {
  const row = await db
    .selectFrom('resource_groups')
    .select('body')
    .where('subscription_id', '=', subscriptionId.toLowerCase())
    .where('name_key', '=', name.toLowerCase())
    .executeTakeFirst();
  return row && fromRow(row);
};

export const listResourceGroups = async (db: Queries, subscriptionId: string): Promise<readonly ResourceGroup[]> => {
  const rows = await db
    .selectFrom('resource_groups')
    .select('body')
    .where('subscription_id', '=', subscriptionId.toLowerCase())
    .orderBy('name_key')
    .execute();
  return rows.map(fromRow);
};

/** Whether there was one. */
export const deleteResourceGroup = async (db: Queries, subscriptionId: string, name: string): Promise<boolean> => {
  await forgetScope(db, `/subscriptions/${subscriptionId}/resourceGroups/${name}`);
  const result = await db
    .deleteFrom('resource_groups')
    .where('subscription_id', '=', subscriptionId.toLowerCase())
    .where('name_key', '=', name.toLowerCase())
    .executeTakeFirst();
  return result.numDeletedRows > 0n;
};

const fromRow = (row: { body: string }): ResourceGroup => JSON.parse(row.body) as ResourceGroup;
