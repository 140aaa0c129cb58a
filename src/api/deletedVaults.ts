import { Type } from 'typebox';
import { operationResult, operationStatus } from '../arm/operation.ts';
import { accepted, ok } from '../arm/respond.ts';
import { type ArmContext, defineRoutes, type RouteTable, route } from '../arm/route.ts';
import type { Queries } from '../db/schema.ts';
import { type DeletedVault, getVault, listDeletedVaults, updateVault } from '../db/vaults.ts';
import { isoTime } from '../lib/clock.ts';
import { CodedError } from '../lib/error.ts';
import { groupArmId, vaultArmId } from '../vault/armIds.ts';
import { undeletedVault } from '../vault/vaultRules.ts';
import { VAULT_VERSIONS } from './apiVersions.ts';
import { sameName } from './ids.ts';
import { normalLocation } from './locations.ts';
import { requireGroup, requireSubscription } from './lookups.ts';
import { recordOperation, requireOperation, toRecord } from './operationRecords.ts';
import type { Services } from './services.ts';
import { requireFreeName, requireRoomForVault } from './vaultPut.ts';

const TYPE = 'Microsoft.RecoveryServices/locations/deletedVaults';
const DELETED =
  '/subscriptions/{subscriptionId}/providers/Microsoft.RecoveryServices/locations/{location}/deletedVaults';
const ONE = `${DELETED}/{deletedVaultName}` as const;
const UNDELETE = 'Microsoft.RecoveryServices/locations/deletedVaults/undelete/action';

const BODY = Type.Object(
  {
    properties: Type.Object(
      { recoveryResourceGroupId: Type.String({ minLength: 1, maxLength: 512 }) },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
);

/** Vaults that were deleted with something in them, named by the id of their store, until they are purged. */
export const deletedVaults = (services: Services): RouteTable =>
  defineRoutes({
    type: TYPE,
    apiVersions: VAULT_VERSIONS,
    routes: [...reads(services), undelete(services), ...operations(services)],
  });

const reads = (services: Services) => [
  route({
    method: 'GET',
    path: DELETED,
    action: `${TYPE}/read`,
    summary: 'Lists the soft-deleted vaults.',
    async handler(context) {
      const { subscriptionId, location } = context.params;
      requireSubscription(services, subscriptionId);
      const found = await listDeletedVaults(services.db.queries, subscriptionId);
      return context.listFrom(
        found.filter((vault) => normalLocation(vault.location) === normalLocation(location)),
        (vault) => vault.id,
        toWire,
      );
    },
  }),
  route({
    method: 'GET',
    path: ONE,
    action: `${TYPE}/read`,
    summary: 'Gets a soft-deleted vault.',
    handler: async ({ params }) => ok(toWire(await requireDeleted(services, services.db.queries, params))),
  }),
];

const undelete = (services: Services) =>
  route({
    method: 'POST',
    path: `${ONE}/undelete`,
    action: UNDELETE,
    summary: 'Takes a deleted vault back into a resource group; its items are taken back one by one.',
    answers: ['202 + Azure-AsyncOperation + Location'],
    body: BODY,
    async handler(context) {
      const groupName = groupOf(services, context.body.properties.recoveryResourceGroupId);
      const group = await requireGroup(
        services,
        { subscriptionId: context.params.subscriptionId, resourceGroupName: groupName },
        context.signal,
      );
      await context.demand(
        'Microsoft.RecoveryServices/vaults/write',
        groupArmId(services.config.subscriptionId, group.name),
      );
      const path = await services.db.transaction(async (tx) => {
        const deleted = await requireDeleted(services, tx, context.params);
        if (deleted.provisioningState === 'Deleting') throw isBeingPurged(deleted);
        await requireRoomForVault(services, tx);
        await requireFreeName(tx, { subscriptionId: deleted.subscriptionId, vaultName: deleted.name });
        await updateVault(tx, undeletedVault(deleted, group.name, services.clock.now()));
        return deletedId(deleted);
      });
      const operation = await recordOperation(services.db.queries, { scope: path, now: services.clock.now() });
      return accepted(context, {
        statusPath: `${path}/operations/${operation}`,
        resultPath: `${path}/operationResults/${operation}`,
      });
    },
  });

/** Of a vault that is a deleted one no more: only the path counts. */
const operations = (services: Services) => [
  route({
    method: 'GET',
    path: `${ONE}/operations/{operationId}`,
    action: `${TYPE}/read`,
    summary: 'Gets the status of the undeletion of a vault.',
    handler: async (context) => operationStatus(context, await operationOf(services, context)),
  }),
  route({
    method: 'GET',
    path: `${ONE}/operationResults/{operationId}`,
    action: `${TYPE}/read`,
    summary: 'Tells whether the undeletion of a vault has ended.',
    answers: ['200', '202 + Location'],
    handler: async (context) => operationResult(context, await operationOf(services, context), { status: 200 }),
  }),
];

async function operationOf(services: Services, { params }: Pick<ArmContext<OperationParams>, 'params'>) {
  requireSubscription(services, params.subscriptionId);
  const scope = idOf(params.subscriptionId, params.location, params.deletedVaultName);
  return toRecord(await requireOperation(services.db.queries, scope, params.operationId));
}

interface DeletedParams {
  readonly subscriptionId: string;
  readonly location: string;
  readonly deletedVaultName: string;
}
type OperationParams = DeletedParams & { readonly operationId: string };

/** Errors: SubscriptionNotFound, ResourceNotFound. */
async function requireDeleted(services: Services, queries: Queries, params: DeletedParams): Promise<DeletedVault> {
  requireSubscription(services, params.subscriptionId);
  const vault = await getVault(queries, params.deletedVaultName.toLowerCase());
  if (vault?.softDelete && normalLocation(vault.location) === normalLocation(params.location))
    return vault as DeletedVault;
  throw new CodedError(
    'ResourceNotFound',
    `The deleted vault '${params.deletedVaultName}' was not found in location '${params.location}'.`,
    { target: 'deletedVaultName', recommendations: ['List the deleted vaults; a vault that was purged is gone.'] },
  );
}

const isBeingPurged = (vault: DeletedVault): CodedError =>
  new CodedError(
    'Conflict',
    `The deleted vault '${vault.name}' is being purged: its time was over at ${isoTime(vault.softDelete.purgeAt)}.`,
    {
      target: vault.id,
    },
  );

/** Errors: BadRequest. */
function groupOf({ config }: Services, id: string): string {
  const [, subscription, group] = /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/?$/i.exec(id) ?? [];
  if (group !== undefined && subscription !== undefined && sameName(subscription, config.subscriptionId)) return group;
  throw new CodedError(
    'BadRequest',
    `recoveryResourceGroupId is '${id.slice(0, 256)}'; legal is the id of a resource group of this subscription: '${groupArmId(config.subscriptionId, '{name}')}'.`,
    { target: 'properties.recoveryResourceGroupId' },
  );
}

const deletedId = (vault: DeletedVault): string => idOf(vault.subscriptionId, vault.location, vault.id);

const idOf = (subscriptionId: string, location: string, name: string): string =>
  `/subscriptions/${subscriptionId}/providers/Microsoft.RecoveryServices/locations/${normalLocation(location)}/deletedVaults/${name.toLowerCase()}`;

const toWire = (vault: DeletedVault): object => ({
  id: deletedId(vault),
  name: vault.id,
  type: TYPE,
  properties: {
    vaultId: vaultArmId(vault),
    vaultDeletionTime: isoTime(vault.softDelete.deletedAt),
    purgeAt: isoTime(vault.softDelete.purgeAt),
  },
});
