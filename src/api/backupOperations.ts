import { operationResult, operationStatus } from '../arm/operation.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { requireVaultOperation, toRecord } from './operationRecords.ts';
import { VAULT_PATH } from './paths.ts';
import type { Services } from './services.ts';

const ACTION = 'Microsoft.RecoveryServices/Vaults';

/** Operations of everything in a vault, polled at the vault: az keeps only the last segment of the URL it was given. */
export const backupOperations = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/backupOperations',
    apiVersions: BACKUP_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: `${VAULT_PATH}/backupOperations/{operationId}`,
        action: `${ACTION}/backupOperations/read`,
        summary: 'Gets the status of an operation on the vault or anything in it.',
        handler: async (context) =>
          operationStatus(context, toRecord(await requireVaultOperation(services, context.params))),
      }),
      route({
        method: 'GET',
        path: `${VAULT_PATH}/backupOperationResults/{operationId}`,
        action: `${ACTION}/backupOperationResults/read`,
        summary: 'Tells whether an operation on the vault or anything in it has ended.',
        answers: ['202 + Location', '204'],
        handler: async (context) =>
          operationResult(context, toRecord(await requireVaultOperation(services, context.params))),
      }),
    ],
  });
