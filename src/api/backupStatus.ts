import { Type } from 'typebox';
import { ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { findItemsOfMachine } from '../db/items.ts';
import { getPolicy } from '../db/policies.ts';
import { getVault } from '../db/vaults.ts';
import { CodedError } from '../lib/error.ts';
import { vaultArmId } from '../vault/armIds.ts';
import { containerName, itemName } from '../vault/names.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import { isActivelyProtected } from '../vault/protection.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { parseMachineId, type ResourceParts, sameName } from './ids.ts';
import { normalLocation } from './locations.ts';
import { requireSubscription } from './lookups.ts';
import { preValidation } from './preValidation.ts';
import type { Services } from './services.ts';
import { protectionStatusOf } from './toWire/protectionStatus.ts';
import type { BackupStatus } from './wire/backupStatus.ts';

const LOCATION = '/subscriptions/{subscriptionId}/providers/Microsoft.RecoveryServices/locations/{location}';
const ACTION = 'Microsoft.RecoveryServices/locations';

const RESOURCE_TYPE = Type.Enum(['VM']);
const STATUS_BODY = Type.Object(
  { resourceType: RESOURCE_TYPE, resourceId: Type.String(), poLogicalName: Type.Optional(Type.Unknown()) },
  { additionalProperties: false },
);
const VALIDATE_BODY = Type.Object(
  {
    resourceType: RESOURCE_TYPE,
    resourceId: Type.String(),
    vaultId: Type.Optional(Type.String()),
    properties: Type.Optional(Type.Unknown()),
  },
  { additionalProperties: false },
);
const FEATURES_BODY = Type.Object(
  {
    featureType: Type.Enum(['AzureVMResourceBackup', 'AzureBackupGoals']),
    vmSize: Type.Optional(Type.String()),
    vmSku: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
);

/** What clients ask of a location before they touch a vault. */
export const backupStatus = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/locations',
    apiVersions: BACKUP_VERSIONS,
    routes: [status(services), preValidate(services), features(services)],
  });

const status = (services: Services) =>
  route({
    method: 'POST',
    path: `${LOCATION}/backupStatus`,
    action: `${ACTION}/backupStatus/action`,
    summary: 'Tells whether a machine is protected, and in which vault.',
    body: STATUS_BODY,
    async handler({ params, body }) {
      requireSubscription(services, params.subscriptionId);
      return ok(await statusOf(services, requireMachineId(body.resourceId), params.location));
    },
  });

const preValidate = (services: Services) =>
  route({
    method: 'POST',
    path: `${LOCATION}/backupPreValidateProtection`,
    action: `${ACTION}/backupPreValidateProtection/action`,
    summary: 'Tells whether a machine could be protected in a vault, and otherwise why not.',
    body: VALIDATE_BODY,
    async handler(context) {
      const { params, body } = context;
      requireSubscription(services, params.subscriptionId);
      const machine = requireMachineId(body.resourceId);
      return ok(await preValidation(services, context, { machine, location: params.location, vaultId: body.vaultId }));
    },
  });

const features = (services: Services) =>
  route({
    method: 'POST',
    path: `${LOCATION}/backupValidateFeatures`,
    action: `${ACTION}/backupValidateFeatures/action`,
    summary: 'Tells whether machines can be backed up here: they can, of whatever size. Nothing else can.',
    body: FEATURES_BODY,
    handler({ params, body }) {
      requireSubscription(services, params.subscriptionId);
      return ok({ supportStatus: body.featureType === 'AzureVMResourceBackup' ? 'Supported' : 'NotSupported' });
    },
  });

/** A retained or active item counts; one that is scheduled for deletion does not. */
async function statusOf({ db }: Services, machine: ResourceParts, location: string): Promise<BackupStatus> {
  const items = await findItemsOfMachine(db.queries, machine.resourceGroup, machine.name);
  const item = items.find(isActivelyProtected) ?? items.find((other) => !other.softDelete);
  const vault = item && (await getVault(db.queries, item.vaultId));
  const isHere =
    vault &&
    sameName(vault.subscriptionId, machine.subscription) &&
    normalLocation(vault.location) === normalLocation(location);
  if (!item || !isHere) return NOT_PROTECTED;
  const { errorCode, errorMessage } = item.lastBackup?.status === 'Failed' ? item.lastBackup : {};
  return {
    protectionStatus: protectionStatusOf(item),
    vaultId: vaultArmId(vault),
    fabricName: 'Azure',
    containerName: containerName(item),
    protectedItemName: itemName(item),
    policyName: await policyNameOf(db, item),
    registrationStatus: 'Registered',
    protectedItemsCount: 1,
    acquireStorageAccountLock: 'NotAcquire',
    ...(errorCode === undefined ? {} : { errorCode, errorMessage }),
  };
}

const NOT_PROTECTED: BackupStatus = {
  protectionStatus: 'NotProtected',
  fabricName: 'Invalid',
  registrationStatus: 'NotRegistered',
  protectedItemsCount: 0,
};

async function policyNameOf(db: Services['db'], item: ProtectedItem): Promise<string | undefined> {
  return item.policyId === undefined ? undefined : (await getPolicy(db.queries, item.policyId))?.name;
}

/** Errors: BadRequest. */
function requireMachineId(resourceId: string): ResourceParts {
  const machine = parseMachineId(resourceId);
  if (machine) return machine;
  throw new CodedError(
    'BadRequest',
    `resourceId is '${resourceId.slice(0, 256)}'; legal is '/subscriptions/{id}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{name}'.`,
    { target: 'resourceId' },
  );
}
