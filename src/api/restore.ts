import { type Static, Type } from 'typebox';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { CodedError } from '../lib/error.ts';
import { assertCanRestore } from '../vault/protection.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { IGNORED, resourceBody } from './body/resourceBody.ts';
import { itemOperationAccepted } from './itemOperation.ts';
import { findPathItem } from './itemPath.ts';
import { findMachine } from './machines.ts';
import { recordOperation } from './operationRecords.ts';
import { requirePoint } from './recoveryPoints.ts';
import { restoreTarget } from './restoreTarget.ts';
import type { Services } from './services.ts';
import { machineId } from './toWire/ids.ts';
import { ITEM_PATH } from './vaultPath.ts';

const CLOSED = { additionalProperties: false };

const PROPERTIES = Type.Object(
  {
    objectType: Type.Enum(['IaasVMRestoreRequest']),
    recoveryPointId: Type.Optional(Type.String()),
    recoveryType: Type.Optional(Type.String()),
    storageAccountId: Type.Optional(Type.String()),
    targetResourceGroupId: Type.Optional(Type.String()),
    restoreDiskLunList: Type.Optional(Type.Array(Type.Integer(), { maxItems: 64 })),
    strongroom: Type.Optional(
      Type.Object(
        {
          targetFolder: Type.Optional(Type.String()),
          imageHost: Type.Optional(Type.String()),
          machineName: Type.Optional(Type.String()),
        },
        CLOSED,
      ),
    ),
    sourceResourceId: IGNORED,
    targetVirtualMachineId: IGNORED,
    virtualNetworkId: IGNORED,
    subnetId: IGNORED,
    targetDomainNameId: IGNORED,
    region: IGNORED,
    affinityGroup: IGNORED,
    createNewCloudService: IGNORED,
    originalStorageAccountOption: IGNORED,
    encryptionDetails: IGNORED,
    restoreWithManagedDisks: IGNORED,
    diskEncryptionSetId: IGNORED,
    zones: IGNORED,
    identityInfo: IGNORED,
    identityBasedRestoreDetails: IGNORED,
    extendedLocation: IGNORED,
    securedVMDetails: IGNORED,
    targetDiskNetworkAccessSettings: IGNORED,
    resourceGuardOperationRequests: IGNORED,
  },
  CLOSED,
);

const BODY = resourceBody(PROPERTIES);

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
        summary: 'Restores disks of a recovery point to a folder of the server or to an image host.',
        body: BODY,
        async handler(context) {
          const { params, principal, signal } = context;
          const found = await findPathItem(services, params);
          const { vault, item, id } = found;
          assertCanRestore(item);
          const point = await requirePoint(services, found, params.recoveryPointId);
          requireSamePoint(context.body.properties, point.id);
          const target = restoreTarget(context.body.properties, {
            restoreRoot: services.config.restoreRoot,
            imageHosts: services.hosts.filter((host) => host.kind === 'image').map((host) => host.name),
            resourceGroup: item.resourceGroup,
            luns: point.disks.map((disk) => disk.lun),
          });
          if (target.kind === 'machine') {
            const machine = machineId(vault.subscriptionId, target.resourceGroup, target.machineName);
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

type Properties = Static<typeof PROPERTIES>;

/** Errors: BadRequest. */
function requireSamePoint({ recoveryPointId }: Properties, pointId: string): void {
  if (recoveryPointId === undefined || recoveryPointId.split('/').at(-1) === pointId) return;
  throw new CodedError(
    'BadRequest',
    `recoveryPointId is '${recoveryPointId}', but the path names the point '${pointId}'.`,
    {
      target: 'properties.recoveryPointId',
    },
  );
}

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
