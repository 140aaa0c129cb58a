import { type ArmResource, findArmResource, listArmResources } from '../db/armResources.ts';
import type { Services } from './services.ts';

export const STORAGE_ACCOUNTS = 'Microsoft.Storage/storageAccounts';

/** The account of that name, wherever it is: names are those of the whole server. */
export async function findStorageAccount(
  { db, config }: Pick<Services, 'db' | 'config'>,
  name: string,
  queries = db.queries,
): Promise<ArmResource | undefined> {
  const all = await listArmResources(queries, { subscriptionId: config.subscriptionId, type: STORAGE_ACCOUNTS });
  return all.find((account) => account.name === name.toLowerCase());
}

/** The account of that ARM id, however its slashes are doubled. */
export const findStorageAccountById = async (
  { db }: Pick<Services, 'db'>,
  id: string,
): Promise<ArmResource | undefined> => {
  const parts = id.split('/').filter((part) => part !== '');
  const found = await findArmResource(db.queries, `/${parts.join('/')}`);
  return found?.type === STORAGE_ACCOUNTS ? found : undefined;
};
