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
          const isKnown = await context.knows(`/subscriptions/${config.subscriptionId}`);
          return context.list(isKnown ? [subscriptionToWire(config)] : []);
        },
      }),
      route({
        method: 'GET',
        path: '/subscriptions/{subscriptionId}',
        action: READ,
        access: 'authenticated',
        summary: 'Gets a subscription.',
        async handler({ params, path, knows, demand }) {
          requireSubscription({ config }, params.subscriptionId);
          if (!(await knows(path))) await demand(READ, path);
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

const subscriptionToWire = ({ subscriptionId, tenantId }: ApiConfig): Subscription => ({
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
