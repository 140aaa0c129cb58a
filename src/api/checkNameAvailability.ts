import { Type } from 'typebox';
import { ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { listVaults } from '../db/vaults.ts';
import { isCoded } from '../lib/error.ts';
import { assertVaultName } from '../vault/names.ts';
import { VAULT_VERSIONS } from './apiVersions.ts';
import { sameName } from './ids.ts';
import { requireSubscription } from './lookups.ts';
import type { Services } from './services.ts';

const IN_LOCATION = 'providers/Microsoft.RecoveryServices/locations/{location}';
const BODY = Type.Object({
  type: Type.Optional(Type.String()),
  name: Type.String(),
});

interface Availability {
  readonly nameAvailable: boolean;
  readonly reason?: 'Invalid' | 'AlreadyExists';
  readonly message?: string;
}

export const checkNameAvailability = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/locations/checkNameAvailability',
    apiVersions: VAULT_VERSIONS,
    routes: [
      route({
        method: 'POST',
        path: `/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/${IN_LOCATION}/checkNameAvailability`,
        action: 'Microsoft.RecoveryServices/locations/checkNameAvailability/action',
        summary: 'Tells whether a vault could be given a name.',
        body: BODY,
        async handler({ params, body }) {
          requireSubscription(services, params.subscriptionId);
          return ok(await availability(services, body.name));
        },
      }),
    ],
  });

async function availability({ db, config }: Services, name: string): Promise<Availability> {
  try {
    assertVaultName(name);
  } catch (error) {
    if (!isCoded(error)) throw error;
    return { nameAvailable: false, reason: 'Invalid', message: error.message };
  }
  const taken = (await listVaults(db.queries, config.subscriptionId)).some((vault) => sameName(vault.name, name));
  if (!taken) return { nameAvailable: true };
  return {
    nameAvailable: false,
    reason: 'AlreadyExists',
    message: `A vault of the name '${name}' exists in this subscription.`,
  };
}
