import { type Filter, matches } from '../arm/filter.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { listItems } from '../db/items.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { requireVault } from './lookups.ts';
import type { Services } from './services.ts';
import { protectionContainerToWire } from './toWire/protectionContainer.ts';
import { VAULT_PATH } from './vaultPath.ts';

const FILTER = {
  backupManagementType: 'string',
  friendlyName: 'string',
  status: 'string',
  fabricName: 'string',
} as const;

export const backupProtectionContainers = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/backupProtectionContainers',
    apiVersions: BACKUP_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: `${VAULT_PATH}/backupProtectionContainers`,
        action: 'Microsoft.RecoveryServices/Vaults/backupProtectionContainers/read',
        summary: 'Lists the containers of a vault, one for each protected machine.',
        filter: FILTER,
        async handler(context) {
          const vault = await requireVault(services, context.params);
          const items = (await listItems(services.db.queries, { vaultId: vault.id })).filter(wanted(context.filter));
          return context.listFrom(
            items,
            (item) => item.id,
            (item) => protectionContainerToWire(vault, item),
          );
        },
      }),
      route({
        method: 'GET',
        path: `${VAULT_PATH}/backupDeletedProtectionContainers`,
        action: 'Microsoft.RecoveryServices/Vaults/backupProtectionContainers/read',
        summary: 'Lists the containers whose item is scheduled for deletion.',
        filter: FILTER,
        async handler(context) {
          const vault = await requireVault(services, context.params);
          const items = (await listItems(services.db.queries, { vaultId: vault.id }))
            .filter((item) => item.softDelete !== undefined)
            .filter(wanted(context.filter));
          return context.listFrom(
            items,
            (item) => item.id,
            (item) => protectionContainerToWire(vault, item),
          );
        },
      }),
    ],
  });

const wanted =
  (filter: Filter | undefined) =>
  (item: ProtectedItem): boolean =>
    matches(filter, (name) => filterValue(item, name));

function filterValue(item: ProtectedItem, name: string): string | undefined {
  switch (name) {
    case 'friendlyName':
      return item.vmName;
    case 'status':
      return item.softDelete ? 'SoftDeleted' : 'Registered';
    case 'fabricName':
      return 'Azure';
    default:
      return 'AzureIaasVM';
  }
}
