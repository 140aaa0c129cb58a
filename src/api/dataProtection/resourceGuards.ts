import { type Static, Type } from 'typebox';
import type { NameRule } from '../../arm/name.ts';
import { ok } from '../../arm/respond.ts';
import { type Action, type ArmContext, type Route, type RouteTable, route } from '../../arm/route.ts';
import type { ArmResource } from '../../db/armResources.ts';
import { allVaults } from '../../db/vaults.ts';
import { CodedError } from '../../lib/error.ts';
import {
  type CriticalOperation,
  GUARD_TYPE,
  GUARDED_OPERATIONS,
  operationOfExclusion,
  watchedOperations,
} from '../../vault/resourceGuard.ts';
import { IGNORED } from '../body/resourceBody.ts';
import { sameName } from '../ids.ts';
import { resourceNotFound } from '../lookups.ts';
import { exclusionsOf, GUARD_ACTION } from '../multiUser.ts';
import type { Services } from '../services.ts';
import { requireTracked, trackedResource, trackedToWire } from '../trackedResource.ts';
import { type TrackedPut, trackedBody } from '../trackedType.ts';

const VERSIONS = { from: '2021-01-01', to: '2026-12-31' } as const;
const NAME: NameRule = {
  pattern: /^[A-Za-z][A-Za-z0-9-]{1,49}$/,
  rule: '2 to 50 letters, digits or hyphens, the first a letter',
};
const OPTIONAL_NAMES = (Object.keys(GUARDED_OPERATIONS) as CriticalOperation[]).filter(
  (name) => !GUARDED_OPERATIONS[name].isMandatory,
);

const BODY = trackedBody({
  properties: Type.Optional(
    Type.Object(
      {
        vaultCriticalOperationExclusionList: Type.Optional(
          Type.Union([Type.Null(), Type.Array(Type.String({ maxLength: 256 }), { maxItems: 50 })]),
        ),
        provisioningState: IGNORED,
        allowAutoApprovals: IGNORED,
        resourceGuardOperations: IGNORED,
        description: IGNORED,
      },
      { additionalProperties: false },
    ),
  ),
  eTag: IGNORED,
  identity: IGNORED,
});

/** Puts critical operations on vaults behind the consent of whoever keeps the guard; docs/multi-user-authorization.md. */
export const resourceGuards = (services: Services): RouteTable =>
  trackedResource(services, {
    type: GUARD_TYPE,
    one: 'a resource guard',
    many: 'resource guards',
    apiVersions: VERSIONS,
    nameRule: NAME,
    actionType: GUARD_ACTION,
    body: BODY,
    createdStatus: 200,
    patch: 'properties',
    complete: ({ body }: TrackedPut<Static<typeof BODY>>) => ({
      properties: {
        vaultCriticalOperationExclusionList: (body.properties?.vaultCriticalOperationExclusionList ?? []).map(
          exclusion,
        ),
      },
    }),
    beforeDelete: (guard) => requireUnlinked(services, guard),
    show: toWire,
    more: (path) => REQUESTS.flatMap((operation) => requestRoutes(services, path, operation)),
  });

const REQUESTS = Object.keys(GUARDED_OPERATIONS) as CriticalOperation[];

/** What a guard shows of an operation that it watches over: the request to be named, for who may look at it. */
const requestRoutes = (services: Services, path: string, operation: CriticalOperation): Route[] => {
  const { requests, vaultOperation } = GUARDED_OPERATIONS[operation];
  const one: string = `${path}/${requests}/{requestName}`;
  const action: Action = `${GUARD_ACTION}/${requests}/read`;
  const shown = (guard: ArmResource) => ({
    id: `${guard.id}/${requests}/default`,
    name: 'default',
    type: `${GUARD_TYPE}/${requests}`,
  });
  const watching = async ({ params }: Pick<ArmContext, 'params'>): Promise<ArmResource | undefined> => {
    const guard = await requireTracked(services, GUARD_TYPE, params);
    return watchedOperations(exclusionsOf(guard.properties)).includes(operation) ? guard : undefined;
  };
  return [
    route({
      method: 'GET',
      path: `${path}/${requests}`,
      action,
      summary: `Lists the requests for ${vaultOperation}: one, while the guard watches over it.`,
      async handler(context) {
        const guard = await watching(context);
        return context.list(guard ? [shown(guard)] : []);
      },
    }),
    route({
      method: 'GET',
      path: one,
      action,
      summary: `Gets the request for ${vaultOperation}.`,
      async handler(context) {
        const { name = '', requestName = '', resourceGroupName = '' } = context.params;
        const guard = await watching(context);
        if (guard && sameName(requestName, 'default')) return ok(shown(guard));
        throw resourceNotFound(`${GUARD_TYPE}/${requests}`, `${name}/${requestName}`, resourceGroupName);
      },
    }),
  ];
};

/** Errors: BadRequest. */
function exclusion(entry: string): string {
  const operation = operationOfExclusion(entry);
  const found = operation && GUARDED_OPERATIONS[operation];
  if (found && !found.isMandatory) return found.vaultOperation;
  throw new CodedError(
    'BadRequest',
    `vaultCriticalOperationExclusionList names '${entry.slice(0, 256)}'${found ? ', which no guard leaves out' : ''}; legal are ${OPTIONAL_NAMES.join(', ')}, or their operations as resourceGuardOperations shows them.`,
    { target: 'properties.vaultCriticalOperationExclusionList' },
  );
}

/** Errors: OperationNotAllowed. */
async function requireUnlinked({ db }: Services, guard: ArmResource): Promise<void> {
  const linked = (await allVaults(db.queries)).filter(
    (vault) => vault.guard && sameName(vault.guard.guardId, guard.id),
  );
  if (linked.length === 0) return;
  throw new CodedError(
    'OperationNotAllowed',
    `The resource guard '${guard.name}' protects ${linked.length} vault(s): ${linked.map(({ name }) => name).join(', ')}.`,
    { target: guard.name, recommendations: ['Remove it from these vaults first, with the consent that this needs.'] },
  );
}

const toWire = (guard: ArmResource): object => ({
  ...trackedToWire(guard),
  properties: {
    provisioningState: 'Succeeded',
    allowAutoApprovals: true,
    resourceGuardOperations: watchedOperations(exclusionsOf(guard.properties)).map((operation) => ({
      vaultCriticalOperation: GUARDED_OPERATIONS[operation].vaultOperation,
      requestResourceType: `${GUARD_TYPE}/${GUARDED_OPERATIONS[operation].requests}`,
    })),
    vaultCriticalOperationExclusionList: exclusionsOf(guard.properties),
    description: 'Critical operations on the vaults of this guard need a role on it.',
  },
});
