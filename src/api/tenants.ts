import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { SUBSCRIPTION_VERSIONS } from './apiVersions.ts';
import type { Services } from './services.ts';

export const tenants = ({ config }: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.Resources/tenants',
    apiVersions: SUBSCRIPTION_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: '/tenants',
        action: 'Microsoft.Resources/tenants/read',
        access: 'authenticated',
        summary: 'Lists the one tenant of this server.',
        handler: (context) =>
          context.list([
            {
              id: `/tenants/${config.tenantId}`,
              tenantId: config.tenantId,
              displayName: 'Strongroom',
              tenantCategory: 'Home',
            },
          ]),
      }),
    ],
  });
