import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { requireVault, resourceNotFound } from './lookups.ts';
import type { Services } from './services.ts';
import { VAULT_PATH } from './vaultPath.ts';

const TYPE = 'Microsoft.RecoveryServices/vaults/backupResourceGuardProxies';
/** Backup roles have no action of its own for it, and az asks before most changes: reading the vault is enough. */
const ACTION = 'Microsoft.RecoveryServices/Vaults/read';

/** Clients ask for the guards of a vault before they change it. There are none here. */
export const backupResourceGuardProxies = (services: Services): RouteTable =>
  defineRoutes({
    type: TYPE,
    apiVersions: BACKUP_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: `${VAULT_PATH}/backupResourceGuardProxies`,
        action: ACTION,
        summary: 'Lists the resource guards of a vault: there are none.',
        async handler(context) {
          await requireVault(services, context.params);
          return context.list([]);
        },
      }),
      route({
        method: 'GET',
        path: `${VAULT_PATH}/backupResourceGuardProxies/{proxyName}`,
        action: ACTION,
        summary: 'Answers that there is no such resource guard.',
        async handler({ params }) {
          const vault = await requireVault(services, params);
          throw resourceNotFound(TYPE, `${vault.name}/${params.proxyName}`, vault.resourceGroup);
        },
      }),
    ],
  });
