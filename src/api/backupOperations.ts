import { operationResult, operationStatus } from '../arm/operation.ts';
import { ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { findVault } from '../db/vaults.ts';
import { BACKUP_VERSIONS, VAULT_VERSIONS } from './apiVersions.ts';
import { requireSubscription, type VaultParams } from './lookups.ts';
import { requireOperation, toRecord } from './operationRecords.ts';
import type { Services } from './services.ts';
import { vaultId } from './toWire/ids.ts';
import { vaultToWire } from './toWire/vault.ts';
import { VAULT_PATH } from './vaultPath.ts';

const ACTION = 'Microsoft.RecoveryServices/Vaults';

/**
 * Operations polled at the vault: those of its items under the backup provider's names, its own under the vault
 * provider's. The latter outlive the vault.
 */
export const backupOperations = (services: Services): readonly RouteTable[] => [
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/backupOperations',
    apiVersions: BACKUP_VERSIONS,
    routes: ofBackup(services),
  }),
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/operationStatus',
    apiVersions: VAULT_VERSIONS,
    routes: ofVault(services),
  }),
];

const ofBackup = (services: Services) => [
  route({
    method: 'GET',
    path: `${VAULT_PATH}/backupOperations/{operationId}`,
    action: `${ACTION}/backupOperations/read`,
    summary: 'Gets the status of an operation on the vault or anything in it.',
    handler: async (context) => operationStatus(context, toRecord(await find(services, context.params))),
  }),
  route({
    method: 'GET',
    path: `${VAULT_PATH}/backupOperationResults/{operationId}`,
    action: `${ACTION}/backupOperationResults/read`,
    summary: 'Tells whether an operation on the vault or anything in it has ended.',
    handler: async (context) => operationResult(context, toRecord(await find(services, context.params))),
  }),
];

const ofVault = (services: Services) => [
  route({
    method: 'GET',
    path: `${VAULT_PATH}/operationStatus/{operationId}`,
    action: `${ACTION}/operationStatus/read`,
    summary: 'Gets the status of the creation or deletion of a vault.',
    handler: async (context) => operationStatus(context, toRecord(await find(services, context.params))),
  }),
  route({
    method: 'GET',
    path: `${VAULT_PATH}/operationResults/{operationId}`,
    action: `${ACTION}/operationResults/read`,
    summary: 'Gets the result of the creation or deletion of a vault: the vault, as long as it is there.',
    async handler(context) {
      const { params } = context;
      const operation = toRecord(await find(services, params));
      const vault = await findVault(
        services.db.queries,
        params.subscriptionId,
        params.resourceGroupName,
        params.vaultName,
      );
      return operationResult(
        context,
        operation,
        vault ? ok(vaultToWire(vault, services.config.tenantId)) : { status: 200 },
      );
    },
  }),
];

function find(services: Services, params: VaultParams & { readonly operationId: string }) {
  requireSubscription(services, params.subscriptionId);
  const scope = vaultId(params.subscriptionId, params.resourceGroupName, params.vaultName);
  return requireOperation(services.db.queries, scope, params.operationId);
}
