import type { ArmResult } from '../arm/respond.ts';
import { type ArmContext, defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { type ItemFilter, pageItems } from '../db/itemList.ts';
import type { Vault } from '../vault/vault.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { ITEM_FILTER, itemQuery } from './itemFilter.ts';
import { requireVault } from './lookups.ts';
import { VAULT_PATH } from './paths.ts';
import type { Services } from './services.ts';
import { protectionContainerToWire } from './toWire/protectionContainer.ts';

const { backupManagementType, friendlyName, status, fabricName } = ITEM_FILTER;
const FILTER = { backupManagementType, friendlyName, status, fabricName };
const ACTION = 'Microsoft.RecoveryServices/Vaults/backupProtectionContainers/read';

export const backupProtectionContainers = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/backupProtectionContainers',
    apiVersions: BACKUP_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: `${VAULT_PATH}/backupProtectionContainers`,
        action: ACTION,
        summary: 'Lists the containers of a vault, one for each protected machine.',
        filter: FILTER,
        handler: async (context) => list(services, context, await requireVault(services, context.params), {}),
      }),
      route({
        method: 'GET',
        path: `${VAULT_PATH}/backupDeletedProtectionContainers`,
        action: ACTION,
        summary: 'Lists the containers whose item is scheduled for deletion.',
        filter: FILTER,
        handler: async (context) =>
          list(services, context, await requireVault(services, context.params), { isSoftDeleted: true }),
      }),
    ],
  });

async function list(
  services: Services,
  context: Pick<ArmContext, 'list' | 'page' | 'filter'>,
  vault: Vault,
  within: ItemFilter,
): Promise<ArmResult> {
  const { queries } = services.db;
  const { filter } = await itemQuery(queries, vault, context.filter);
  const isContradiction = within.isSoftDeleted === true && filter?.isSoftDeleted === false;
  if (!filter || isContradiction) return context.list([]);
  const { size, cursor } = context.page;
  const page = await pageItems(
    queries,
    { ...filter, ...within },
    { limit: size, ...(cursor === undefined ? {} : { after: cursor }) },
  );
  return context.list(
    page.values.map((item) => protectionContainerToWire(vault, item)),
    page.next,
  );
}
