import { cutPage, type Page } from './page.ts';
import type { Queries } from './schema.ts';
import { forgetScope } from './scopes.ts';

/** A resource that is kept as it was asked for: a network, a storage account, an identity, a rule … */
export interface ArmResource {
  /** Whole ARM id in ARM's spelling, names as first sent. */
  readonly id: string;
  /** 'Microsoft.Network/virtualNetworks'. */
  readonly type: string;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  /** Its last segment. */
  readonly name: string;
  readonly location?: string;
  readonly tags: Readonly<Record<string, string>>;
  /** What the type shows under `properties`. */
  readonly properties: Readonly<Record<string, unknown>>;
  /** What the type shows beside `properties`: sku, kind, identity, zones … */
  readonly other: Readonly<Record<string, unknown>>;
  /** Never shown: keys of a storage account. */
  readonly secret?: Readonly<Record<string, string>>;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Makes it or replaces it. */
export const putArmResource = async (db: Queries, resource: ArmResource): Promise<void> => {
  const row = {
    type_key: resource.type.toLowerCase(),
    subscription_id: resource.subscriptionId.toLowerCase(),
    group_key: resource.resourceGroup.toLowerCase(),
    body: JSON.stringify(resource),
  };
  await db
    .insertInto('arm_resources')
    .values({ id_key: resource.id.toLowerCase(), ...row })
    .onConflict((conflict) => conflict.column('id_key').doUpdateSet(row))
    .execute();
};

export const findArmResource = async (db: Queries, id: string): Promise<ArmResource | undefined> => {
  const row = await db
    .selectFrom('arm_resources')
    .select('body')
    .where('id_key', '=', id.toLowerCase())
    .executeTakeFirst();
  return row && fromRow(row);
};

/** In the order of their ids. `type` absent: of every type. */
export const listArmResources = async (
  db: Queries,
  where: { readonly subscriptionId: string; readonly type?: string; readonly resourceGroup?: string },
): Promise<readonly ArmResource[]> => {
  let query = db
    .selectFrom('arm_resources')
    .select('body')
    .where('subscription_id', '=', where.subscriptionId.toLowerCase());
  if (where.type !== undefined) query = query.where('type_key', '=', where.type.toLowerCase());
  if (where.resourceGroup !== undefined) query = query.where('group_key', '=', where.resourceGroup.toLowerCase());
  return (await query.orderBy('id_key').execute()).map(fromRow);
};

/** As `listArmResources`, `size` at a time; `next` comes back as `after`. */
export const pageOfArmResources = async (
  db: Queries,
  where: {
    readonly subscriptionId: string;
    readonly type: string;
    readonly resourceGroup?: string;
    readonly size: number;
    readonly after?: string;
  },
): Promise<Page<ArmResource>> => {
  let query = db
    .selectFrom('arm_resources')
    .select('body')
    .where('type_key', '=', where.type.toLowerCase())
    .where('subscription_id', '=', where.subscriptionId.toLowerCase());
  if (where.resourceGroup !== undefined) query = query.where('group_key', '=', where.resourceGroup.toLowerCase());
  if (where.after !== undefined) query = query.where('id_key', '>', where.after);
  const rows = await query
    .orderBy('id_key')
    .limit(where.size + 1)
    .execute();
  return cutPage(rows.map(fromRow), where.size, ({ id }) => id.toLowerCase());
};

/** Whether there was one. */
export const deleteArmResource = async (db: Queries, id: string): Promise<boolean> => {
  await forgetScope(db, id);
  const result = await db.deleteFrom('arm_resources').where('id_key', '=', id.toLowerCase()).executeTakeFirst();
  return result.numDeletedRows > 0n;
};

const fromRow = (row: { body: string }): ArmResource => JSON.parse(row.body) as ArmResource;
