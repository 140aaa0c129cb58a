import type { Vault } from '../vault/vault.ts';
import type { Queries } from './schema.ts';

export type DeletedVault = Vault & Required<Pick<Vault, 'softDelete'>>;

/** Errors of the database when (subscription, resource group, name) is taken. */
export const insertVault = async (db: Queries, vault: Vault): Promise<void> => {
  await db.insertInto('vaults').values(toRow(vault)).execute();
};

export const updateVault = async (db: Queries, vault: Vault): Promise<void> => {
  await db.updateTable('vaults').set(toRow(vault)).where('id', '=', vault.id).execute();
};

const OF_VAULT = [
  'points',
  'policies',
  'operations',
  'packs',
  'sessions',
  'commits',
  'store_states',
  'trash',
  'unknown_objects',
  'point_damages',
  'vault_tokens',
  'alerts',
] as const;

/** Takes the vault's rows in every table with it. */
export const deleteVault = async (db: Queries, vaultId: string): Promise<void> => {
  const ofVault = (table: (typeof OF_VAULT)[number]) => db.deleteFrom(table).where('vault_id', '=', vaultId).execute();
  const items = db.selectFrom('items').select('id').where('vault_id', '=', vaultId);
  const jobs = db.selectFrom('jobs').select('id').where('vault_id', '=', vaultId);
  await db.deleteFrom('occurrences').where('item_id', 'in', items).execute();
  await db.deleteFrom('schedule_cursors').where('item_id', 'in', items).execute();
  await db.deleteFrom('job_journal').where('job_id', 'in', jobs).execute();
  for (const table of OF_VAULT) await ofVault(table);
  await db.deleteFrom('jobs').where('vault_id', '=', vaultId).execute();
  await db.deleteFrom('items').where('vault_id', '=', vaultId).execute();
  await db.deleteFrom('vaults').where('id', '=', vaultId).execute();
};

export const getVault = async (db: Queries, vaultId: string): Promise<Vault | undefined> => {
  const row = await db.selectFrom('vaults').select('body').where('id', '=', vaultId).executeTakeFirst();
  return row && fromRow(row);
};

/** A live one by ARM identity, compared without case. */
export const findVault = async (
  db: Queries,
  subscriptionId: string,
  resourceGroup: string,
  name: string,
): Promise<Vault | undefined> => {
  const row = await db
    .selectFrom('vaults')
    .select('body')
    .where('subscription_id', '=', subscriptionId.toLowerCase())
    .where('resource_group_key', '=', resourceGroup.toLowerCase())
    .where('name_key', '=', name.toLowerCase())
    .executeTakeFirst();
  return row && fromRow(row);
};

/** By name; all live vaults of the subscription, or of one resource group. */
export const listVaults = async (
  db: Queries,
  subscriptionId: string,
  resourceGroup?: string,
): Promise<readonly Vault[]> => {
  let query = liveVaults(db, subscriptionId).select('body');
  if (resourceGroup !== undefined) query = query.where('resource_group_key', '=', resourceGroup.toLowerCase());
  const rows = await query.orderBy('name_key').orderBy('id').execute();
  return rows.map(fromRow);
};

/** Live vaults of the subscription, or those of one name in any of its groups. */
export const countVaults = async (db: Queries, subscriptionId: string, name?: string): Promise<number> => {
  let query = liveVaults(db, subscriptionId).select((e) => e.fn.countAll<number>().as('count'));
  if (name !== undefined) query = query.where('name_key', '=', name.toLowerCase());
  return Number((await query.executeTakeFirstOrThrow()).count);
};

/** Soft-deleted vaults of the subscription, in the order of their ids. */
export const listDeletedVaults = async (db: Queries, subscriptionId: string): Promise<readonly DeletedVault[]> => {
  const rows = await db
    .selectFrom('vaults')
    .select('body')
    .where('subscription_id', '=', subscriptionId.toLowerCase())
    .where('deleted_at', 'is not', null)
    .orderBy('id')
    .execute();
  return rows.map((row) => fromRow(row) as DeletedVault);
};

/** Soft-deleted vaults whose time is over. */
export const listVaultsToPurge = async (db: Queries, now: number): Promise<readonly DeletedVault[]> => {
  const rows = await db
    .selectFrom('vaults')
    .select('body')
    .where('purge_at', '<=', now)
    .orderBy('purge_at')
    .orderBy('id')
    .execute();
  return rows.map((row) => fromRow(row) as DeletedVault);
};

export interface VaultCounts {
  readonly items: number;
  /** Of these the soft-deleted ones. */
  readonly softDeletedItems: number;
  readonly policies: number;
  /** What its packs take in one copy of the store. */
  readonly storedBytes: number;
}

export const countsOfVault = async (db: Queries, vaultId: string): Promise<VaultCounts> => {
  const items = await db
    .selectFrom('items')
    .select((e) => [
      e.fn.countAll<number>().as('items'),
      // soft-deleted items alone have a time of purge
      e.fn.count<number>('purge_at').as('soft'),
    ])
    .where('vault_id', '=', vaultId)
    .executeTakeFirstOrThrow();
  const policies = await db
    .selectFrom('policies')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('vault_id', '=', vaultId)
    .executeTakeFirstOrThrow();
  const packs = await db
    .selectFrom('packs')
    .select((e) => e.fn.sum<number>('size_bytes').as('bytes'))
    .where('vault_id', '=', vaultId)
    .executeTakeFirstOrThrow();
  return {
    items: Number(items.items),
    softDeletedItems: Number(items.soft),
    policies: Number(policies.count),
    storedBytes: Number(packs.bytes ?? 0),
  };
};

/** Whether it has items, soft-deleted ones among them. */
export const hasItems = async (db: Queries, vaultId: string): Promise<boolean> =>
  (await db.selectFrom('items').select('id').where('vault_id', '=', vaultId).limit(1).executeTakeFirst()) !== undefined;

/** Whether the vault's store holds, or may hold, anything of a recovery point. */
export const hasPacks = async (db: Queries, vaultId: string): Promise<boolean> =>
  (await db.selectFrom('packs').select('pack_id').where('vault_id', '=', vaultId).limit(1).executeTakeFirst()) !==
  undefined;

/** Of all subscriptions, soft-deleted ones among them. */
export const allVaults = async (db: Queries): Promise<readonly Vault[]> =>
  (await db.selectFrom('vaults').select('body').orderBy('id').execute()).map(fromRow);

const toRow = (vault: Vault) => ({
  id: vault.id,
  subscription_id: vault.subscriptionId.toLowerCase(),
  resource_group_key: vault.resourceGroup.toLowerCase(),
  // a deleted vault has given its name free, and no path leads to it
  name_key: vault.softDelete ? `${vault.name.toLowerCase()}/${vault.id}` : vault.name.toLowerCase(),
  deleted_at: vault.softDelete?.deletedAt ?? null,
  purge_at: vault.softDelete?.purgeAt ?? null,
  body: JSON.stringify(vault),
});

const liveVaults = (db: Queries, subscriptionId: string) =>
  db.selectFrom('vaults').where('subscription_id', '=', subscriptionId.toLowerCase()).where('deleted_at', 'is', null);

const fromRow = (row: { body: string }): Vault => JSON.parse(row.body) as Vault;
