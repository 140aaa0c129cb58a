import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { NETWORK_VERSIONS, STORAGE_VERSIONS } from './apiVersions.ts';
import { requireGroup, requireSubscription, resourceNotFound } from './lookups.ts';
import type { Services } from './services.ts';

const GROUP = '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers';

/**
 * az looks for a staging storage account, classic first, before it asks for a restore. There are none here:
 * these routes say so in the shape it understands.
 */
export const storageAccounts = (services: Services): readonly RouteTable[] => [
  absent(services, 'Microsoft.Storage', 'storageAccounts'),
  absent(services, 'Microsoft.ClassicStorage', 'storageAccounts'),
  absent(services, 'Microsoft.Network', 'virtualNetworks'),
];

function absent(services: Services, provider: string, type: string): RouteTable {
  const fullType = `${provider}/${type}`;
  return defineRoutes({
    type: fullType,
    apiVersions: provider === 'Microsoft.Network' ? NETWORK_VERSIONS : STORAGE_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: `/subscriptions/{subscriptionId}/providers/${provider}/${type}`,
        action: `${provider}/${type}/read`,
        summary: `Lists ${type}: there are none.`,
        handler(context) {
          requireSubscription(services, context.params.subscriptionId ?? '');
          return context.list([]);
        },
      }),
      route({
        method: 'GET',
        path: `${GROUP}/${provider}/${type}/{name}`,
        action: `${provider}/${type}/read`,
        summary: `Answers that there is no such resource among ${type}.`,
        async handler({ params, signal }) {
          const subscriptionId = params.subscriptionId ?? '';
          const resourceGroupName = params.resourceGroupName ?? '';
          await requireGroup(services, { subscriptionId, resourceGroupName }, signal);
          throw resourceNotFound(fullType, params.name ?? '', resourceGroupName);
        },
      }),
    ],
  });
}
