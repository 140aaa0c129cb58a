import { operationStatus } from '../../arm/operation.ts';
import { type ArmResult, accepted } from '../../arm/respond.ts';
import { type ArmContext, defineRoutes, type RouteTable, route } from '../../arm/route.ts';
import { COMPUTE_VERSIONS } from '../apiVersions.ts';
import { beginOperation } from '../longOperation.ts';
import { requireSubscription } from '../lookups.ts';
import { requireOperation, toRecord } from '../operationRecords.ts';
import type { Services } from '../services.ts';

/** Begins work on a compute resource and sends the client to poll it. */
export async function acceptWork(
  services: Services,
  context: ArmContext,
  resourceId: string,
  work: (signal: AbortSignal) => Promise<void>,
  answer: { readonly status?: 200 | 201 | 202; readonly body?: unknown } = {},
): Promise<ArmResult> {
  const id = await beginOperation(services, resourceId, work);
  const { subscriptionId, location } = services.config;
  const statusPath = `/subscriptions/${subscriptionId}/providers/Microsoft.Compute/locations/${location}/operations/${id}`;
  const { status = 202, body } = answer;
  return { ...accepted(context, { statusPath, ...(body === undefined ? {} : { body }) }), status };
}

/** What clients of machines and disks poll. */
export const operations = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.Compute/locations/operations',
    apiVersions: COMPUTE_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: '/subscriptions/{subscriptionId}/providers/Microsoft.Compute/locations/{location}/operations/{operationId}',
        action: 'Microsoft.Compute/locations/operations/read',
        access: 'authenticated',
        summary: 'Gets the status of work on a machine or disk, for those who may read it.',
        async handler(context) {
          const { subscriptionId, operationId } = context.params;
          requireSubscription(services, subscriptionId);
          const scope = `/subscriptions/${subscriptionId}`;
          const operation = await requireOperation(services.db.queries, scope, operationId);
          const type = operation.scope.split('/').at(-2) ?? '';
          await context.demand(`Microsoft.Compute/${type}/read`, operation.scope);
          return operationStatus(context, toRecord(operation));
        },
      }),
    ],
  });
