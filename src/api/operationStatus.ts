import { operationResult, operationStatus as statusAnswer } from '../arm/operation.ts';
import { ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { findVault } from '../db/vaults.ts';
import { VAULT_VERSIONS } from './apiVersions.ts';
import { requireVaultOperation, toRecord } from './operationRecords.ts';
import { VAULT_PATH } from './paths.ts';
import type { Services } from './services.ts';
import { vaultToWire } from './toWire/vault.ts';

/** Backup roles have no action of its own for it: whoever may read the vault may poll. */
const ACTION = 'Microsoft.RecoveryServices/Vaults/read';

/** Creation and deletion of a vault, which the operation outlives. */
export const operationStatus = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/operationStatus',
    apiVersions: VAULT_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: `${VAULT_PATH}/operationStatus/{operationId}`,
        action: ACTION,
        summary: 'Gets the status of the creation or deletion of a vault.',
        handler: async (context) =>
          statusAnswer(context, toRecord(await requireVaultOperation(services, context.params))),
      }),
      route({
        method: 'GET',
        path: `${VAULT_PATH}/operationResults/{operationId}`,
        action: ACTION,
        summary: 'Gets the result of the creation or deletion of a vault: the vault, as long as it is there.',
        answers: ['200', '202 + Location', '204'],
        async handler(context) {
          const { subscriptionId, resourceGroupName, vaultName } = context.params;
          const operation = toRecord(await requireVaultOperation(services, context.params));
          const vault = await findVault(services.db.queries, subscriptionId, resourceGroupName, vaultName);
          return operationResult(
            context,
            operation,
            vault
              ? ok(vaultToWire(vault, services.config.tenantId, await services.vaultStores.redundancyOf(vault)))
              : { status: 200 },
          );
        },
      }),
    ],
  });
