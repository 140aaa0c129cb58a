import { ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { SUBSCRIPTION_VERSIONS } from './apiVersions.ts';
import { requireSubscription } from './lookups.ts';
import type { ApiConfig, Services } from './services.ts';
import type { Subscription } from './wire/subscription.ts';

const READ = 'Microsoft.Resources/subscriptions/read';

/** One server is one subscription. */
export const subscriptions = ({ config }: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.Resources/subscriptions',
    apiVersions: SUBSCRIPTION_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: '/subscriptions',
        action: READ,
        access: 'authenticated',
        summary: 'Lists the subscriptions the caller may read.',
        async handler(context) {
          // Whoever holds a role on anything below sees the subscription, as in Azure, where login would fail else.
          return context.list([subscriptionToWire(config)]);
        },
      }),
      route({
        method: 'GET',
        path: '/subscriptions/{subscriptionId}',
        action: READ,
        access: 'authenticated',
        summary: 'Gets a subscription.',
        handler({ params }) {
          requireSubscription({ config }, params.subscriptionId);
          return ok(subscriptionToWire(config));
        },
      }),
      route({
        method: 'GET',
        path: '/subscriptions/{subscriptionId}/locations',
        action: 'Microsoft.Resources/subscriptions/locations/read',
        access: 'authenticated',
        summary: 'Lists the one location of this server.',
        handler(context) {
          requireSubscription({ config }, context.params.subscriptionId);
          return context.list([locationToWire(config)]);
        },
      }),
    ],
  });

export const subscriptionToWire = ({ subscriptionId, tenantId }: ApiConfig): Subscription => ({
  id: `/subscriptions/${subscriptionId}`,
  subscriptionId,
  tenantId,
  homeTenantId: tenantId,
  displayName: 'Strongroom',
  state: 'Enabled',
  managedByTenants: [],
});

const locationToWire = ({ subscriptionId, location }: ApiConfig): object => ({
  id: `/subscriptions/${subscriptionId}/locations/${location}`,
  name: location,
  type: 'Region',
  displayName: location,
  regionalDisplayName: location,
  metadata: { regionType: 'Physical', regionCategory: 'Recommended' },
});
