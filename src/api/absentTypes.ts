import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { requireVault } from './lookups.ts';
import { VAULT_PATH } from './paths.ts';
import type { Services } from './services.ts';

const ACTION = 'Microsoft.RecoveryServices/Vaults';

/** What scripts list in a vault, before they delete it say, and what a vault of machines never has. */
export const absentTypes = (services: Services): readonly RouteTable[] => [
  absent(services, 'backupEngines', 'backupEngines', 'backup servers'),
  absent(
    services,
    'protectableContainers',
    'backupFabrics/{fabricName}/protectableContainers',
    'containers to register',
  ),
];

const absent = (services: Services, type: string, path: string, what: string): RouteTable =>
  defineRoutes({
    type: `Microsoft.RecoveryServices/vaults/${type}`,
    apiVersions: BACKUP_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: `${VAULT_PATH}/${path}`,
        action: `${ACTION}/${path.replace('/{fabricName}', '')}/read`,
        summary: `Lists the ${what}: there are none.`,
        filter: { backupManagementType: 'string', friendlyName: 'string' },
        async handler(context) {
          const { subscriptionId = '', resourceGroupName = '', vaultName = '' } = context.params;
          await requireVault(services, { subscriptionId, resourceGroupName, vaultName });
          return context.list([]);
        },
      }),
    ],
  });
