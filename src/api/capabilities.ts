import { Type } from 'typebox';
import { ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { VAULT_VERSIONS } from './apiVersions.ts';
import { IGNORED } from './body/resourceBody.ts';
import { requireSubscription } from './lookups.ts';
import type { Services } from './services.ts';

const SUB_RESOURCE = Type.Enum(['AzureBackup', 'AzureBackup_secondary', 'AzureSiteRecovery']);
const BODY = Type.Object({
  type: Type.String({ maxLength: 256 }),
  properties: Type.Optional(
    Type.Object({
      dnsZones: Type.Optional(
        Type.Array(Type.Object({ subResource: Type.Optional(SUB_RESOURCE), requiredZoneNames: IGNORED }), {
          maxItems: 20,
        }),
      ),
    }),
  ),
});

/** Which name zones private endpoints would need: none, as there are no private endpoints. */
export const capabilities = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/locations/capabilities',
    apiVersions: VAULT_VERSIONS,
    routes: [
      route({
        method: 'POST',
        path: '/subscriptions/{subscriptionId}/providers/Microsoft.RecoveryServices/locations/{location}/capabilities',
        action: 'Microsoft.RecoveryServices/locations/capabilities/action',
        summary: 'Tells which name zones private endpoints need: none.',
        body: BODY,
        handler({ params, body }) {
          requireSubscription(services, params.subscriptionId);
          const dnsZones = (body.properties?.dnsZones ?? []).map(({ subResource }) => ({
            subResource,
            requiredZoneNames: [],
          }));
          return ok({ type: body.type, properties: { dnsZones } });
        },
      }),
    ],
  });
