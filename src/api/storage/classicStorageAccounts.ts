import { defineRoutes, type RouteTable, route } from '../../arm/route.ts';
import { STORAGE_VERSIONS } from '../apiVersions.ts';
import { requireGroup, requireSubscription, resourceNotFound } from '../lookups.ts';
import type { Services } from '../services.ts';

const TYPE = 'Microsoft.ClassicStorage/storageAccounts';

/** az looks for a staging account among the classic ones first: there are none, and these routes say so. */
export const classicStorageAccounts = (services: Services): RouteTable =>
  defineRoutes({
    type: TYPE,
    apiVersions: STORAGE_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: `/subscriptions/{subscriptionId}/providers/${TYPE}`,
        action: `${TYPE}/read`,
        summary: 'Lists classic storage accounts: there are none.',
        handler(context) {
          requireSubscription(services, context.params.subscriptionId);
          return context.list([]);
        },
      }),
      route({
        method: 'GET',
        path: `/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/${TYPE}/{name}`,
        action: `${TYPE}/read`,
        summary: 'Answers that there is no such classic storage account.',
        async handler({ params, signal }) {
          await requireGroup(services, params, signal);
          throw resourceNotFound(TYPE, params.name, params.resourceGroupName);
        },
      }),
    ],
  });
