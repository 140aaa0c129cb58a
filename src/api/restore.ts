import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { CodedError } from '../lib/error.ts';
import { machineArmId } from '../vault/armIds.ts';
import { assertCanRestore } from '../vault/protection.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { resourceBody } from './body/resourceBody.ts';
import { RESTORE_PROPERTIES } from './body/restoreRequest.ts';
import { itemOperationAccepted } from './itemOperation.ts';
import { findPathItem } from './itemPath.ts';
import { findMachine } from './machines.ts';
import { recordOperation } from './operationRecords.ts';
import { ITEM_PATH } from './paths.ts';
import { requirePoint } from './recoveryPoints.ts';
import { planRestore } from './restorePlan.ts';
import type { Services } from './services.ts';

const BODY = resourceBody(RESTORE_PROPERTIES);

export const restore = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints/restore',
    apiVersions: BACKUP_VERSIONS,
    routes: [
      route({
        method: 'POST',
        path: `${ITEM_PATH}/recoveryPoints/{recoveryPointId}/restore`,
        action:
          'Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints/restore/action',
        summary:
          'Restores the disks of a recovery point: to a storage account, as managed disks, to a folder or an image host.',
        answers: ['202 + Azure-AsyncOperation + Location'],
        body: BODY,
        async handler(context) {
          const { params, principal, signal } = context;
          const found = await findPathItem(services, params);
          const { vault, item, id } = found;
          assertCanRestore(item);
          const point = await requirePoint(services, found, params.recoveryPointId);
          const request = context.body.properties;
          const regions = [vault.location];
          const target = await planRestore({
            ...found,
            services,
            context,
            point,
            request,
            regions,
            isCrossRegion: false,
          });
          if (target.kind === 'machine') {
            const machine = machineArmId(vault.subscriptionId, target.resourceGroup, target.machineName);
            await context.demand('Microsoft.Compute/virtualMachines/write', machine);
            await requireNewMachine(services, target, signal);
          }
          const by = { objectId: principal.objectId, name: principal.name };
          const jobId = await services.jobs.requestRestore(item.id, point.id, target, by);
          const now = services.clock.now();
          const operation = await recordOperation(services.db.queries, { scope: id, now, vaultId: vault.id, jobId });
          return itemOperationAccepted(context, id, operation);
        },
      }),
    ],
  });

/** Errors: RestoreTargetInvalid. */
async function requireNewMachine(
  services: Services,
  target: { readonly resourceGroup: string; readonly machineName: string },
  signal: AbortSignal,
): Promise<void> {
  const ref = { resourceGroup: target.resourceGroup, name: target.machineName };
  if (!(await findMachine(services, ref, signal))) return;
  throw new CodedError(
    'RestoreTargetInvalid',
    `A machine '${target.machineName}' is in the resource group '${target.resourceGroup}' already; a restore makes a new one.`,
    { target: 'properties.strongroom.machineName' },
  );
}
