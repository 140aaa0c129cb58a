import { Type } from 'typebox';
import { ok } from '../../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../../arm/route.ts';
import { CodedError } from '../../lib/error.ts';
import { STORAGE_VERSIONS } from '../apiVersions.ts';
import { requireSubscription } from '../lookups.ts';
import type { Services } from '../services.ts';
import { nameIsTaken, requireAccountName, takenMessage } from './storageAccounts.ts';

/** Whether a storage account may get a name. */
export const checkStorageName = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.Storage/checkNameAvailability',
    apiVersions: STORAGE_VERSIONS,
    routes: [
      route({
        method: 'POST',
        path: '/subscriptions/{subscriptionId}/providers/Microsoft.Storage/checkNameAvailability',
        action: 'Microsoft.Storage/checknameavailability/read',
        summary: 'Tells whether a name is free for a storage account.',
        body: Type.Object({ name: Type.String({ maxLength: 256 }), type: Type.Optional(Type.String()) }),
        async handler({ params, body }) {
          requireSubscription(services, params.subscriptionId);
          const invalid = whyInvalid(body.name);
          if (invalid !== undefined)
            return ok({ nameAvailable: false, reason: 'AccountNameInvalid', message: invalid });
          if (!(await nameIsTaken(services, body.name))) return ok({ nameAvailable: true });
          return ok({ nameAvailable: false, reason: 'AlreadyExists', message: takenMessage(body.name) });
        },
      }),
    ],
  });

function whyInvalid(name: string): string | undefined {
  try {
    requireAccountName(name);
    return undefined;
  } catch (error) {
    if (error instanceof CodedError) return error.message;
    throw error;
  }
}
