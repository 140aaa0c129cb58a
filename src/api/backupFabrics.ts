import { operationResult } from '../arm/operation.ts';
import { accepted } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { vaultArmId } from '../vault/armIds.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { requireFabric } from './itemPath.ts';
import { requireVault } from './lookups.ts';
import { listMachines } from './machines.ts';
import { recordOperation, requireOperation, toRecord } from './operationRecords.ts';
import { VAULT_PATH } from './paths.ts';
import type { Services } from './services.ts';

const ACTION = 'Microsoft.RecoveryServices/Vaults/backupFabrics';

export const backupFabrics = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/backupFabrics',
    apiVersions: BACKUP_VERSIONS,
    routes: [refreshContainers(services), operationResults(services)],
  });

const refreshContainers = (services: Services) =>
  route({
    method: 'POST',
    path: `${VAULT_PATH}/backupFabrics/{fabricName}/refreshContainers`,
    action: `${ACTION}/refreshContainers/action`,
    summary: 'Looks for machines on all hosts.',
    answers: ['202 + Location'],
    async handler(context) {
      requireFabric(context.params.fabricName);
      const vault = await requireVault(services, context.params);
      // Lists are always read from the hosts; asking them here makes a silent host known in the log.
      await listMachines(services, context.signal);
      const scope = vaultArmId(vault);
      const operation = await recordOperation(services.db.queries, {
        scope,
        now: services.clock.now(),
        vaultId: vault.id,
      });
      return accepted(context, { resultPath: `${scope}/backupFabrics/Azure/operationResults/${operation}` });
    },
  });

const operationResults = (services: Services) =>
  route({
    method: 'GET',
    path: `${VAULT_PATH}/backupFabrics/{fabricName}/operationResults/{operationId}`,
    action: `${ACTION}/operationResults/read`,
    summary: 'Tells whether the search for machines has ended.',
    answers: ['202 + Location', '204'],
    async handler(context) {
      requireFabric(context.params.fabricName);
      const vault = await requireVault(services, context.params);
      const operation = await requireOperation(services.db.queries, vaultArmId(vault), context.params.operationId);
      return operationResult(context, toRecord(operation));
    },
  });
