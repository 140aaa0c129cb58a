import { ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { parseContainerName } from '../vault/names.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { requireFabric } from './itemPath.ts';
import { requireItem, requireVault } from './lookups.ts';
import type { Services } from './services.ts';
import { protectionContainerToWire } from './toWire/protectionContainer.ts';
import { CONTAINER_PATH } from './vaultPath.ts';

export const protectionContainers = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers',
    apiVersions: BACKUP_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: CONTAINER_PATH,
        action: 'Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/read',
        summary: 'Gets a container.',
        async handler({ params }) {
          requireFabric(params.fabricName);
          const vault = await requireVault(services, params);
          const item = await requireItem(services.db.queries, vault, parseContainerName(params.containerName));
          return ok(protectionContainerToWire(vault, item));
        },
      }),
    ],
  });
