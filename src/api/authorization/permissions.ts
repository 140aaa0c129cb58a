import { defineRoutes, type RouteTable, route } from '../../arm/route.ts';
import type { Services } from '../services.ts';
import { permissionToWire } from './roleView.ts';
import { AUTHORIZATION_VERSIONS, SCOPES, scopeOf } from './scopes.ts';

/** What the caller may do here: the permissions of the roles that count. */
export const permissions = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.Authorization/permissions',
    apiVersions: AUTHORIZATION_VERSIONS,
    routes: SCOPES.map((scope) =>
      route({
        method: 'GET',
        path: `${scope}/providers/Microsoft.Authorization/permissions`,
        action: 'Microsoft.Authorization/permissions/read',
        access: 'authenticated',
        summary: "Lists the caller's permissions here.",
        async handler(context) {
          const at = scopeOf(services, context.path);
          const roles = await services.access.rolesAt(context.principal, at);
          return context.list(roles.map(permissionToWire));
        },
      }),
    ),
  });
