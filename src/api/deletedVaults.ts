import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { VAULT_VERSIONS } from './apiVersions.ts';
import { requireSubscription } from './lookups.ts';
import type { Services } from './services.ts';

export const deletedVaults = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/locations/deletedVaults',
    apiVersions: VAULT_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: '/subscriptions/{subscriptionId}/providers/Microsoft.RecoveryServices/locations/{location}/deletedVaults',
        action: 'Microsoft.RecoveryServices/locations/deletedVaults/read',
        summary: 'Lists the soft-deleted vaults: a vault is deleted only when it is empty, and then for good.',
        handler(context) {
          requireSubscription(services, context.params.subscriptionId);
          return context.list([]);
        },
      }),
    ],
  });
