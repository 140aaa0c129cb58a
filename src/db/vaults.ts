import type { Vault } from '../vault/vault.ts';
import type { Queries } from './schema.ts';

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
  'point_damages',
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

/** By ARM identity, compared without case. */
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

/** By name; all vaults of the subscription, or of one resource group. */
export const listVaults = async (
  db: Queries,
  subscriptionId: string,
  resourceGroup?: string,
): Promise<readonly Vault[]> => {
  let query = db.selectFrom('vaults').select('body').where('subscription_id', '=', subscriptionId.toLowerCase());
  if (resourceGroup !== undefined) query = query.where('resource_group_key', '=', resourceGroup.toLowerCase());
  const rows = await query.orderBy('name_key').orderBy('id').execute();
  return rows.map(fromRow);
};

/** Of all subscriptions. */
export const allVaults = async (db: Queries): Promise<readonly Vault[]> =>
  (await db.selectFrom('vaults').select('body').orderBy('id').execute()).map(fromRow);

const toRow = (vault: Vault) => ({
  id: vault.id,
  subscription_id: vault.subscriptionId.toLowerCase(),
  resource_group_key: vault.resourceGroup.toLowerCase(),
  name_key: vault.name.toLowerCase(),
  body: JSON.stringify(vault),
});

const fromRow = (row: { body: string }): Vault => JSON.parse(row.body) as Vault;
