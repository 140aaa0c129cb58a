import { isoTime } from '../../lib/clock.ts';
import { machineArmId, resourceArmId } from '../../vault/armIds.ts';
import type { ProtectedItem } from '../../vault/protectedItem.ts';
import type { PointConsistency, PointDisk, RecoveryPoint } from '../../vault/recoveryPoint.ts';
import { collectionName } from '../../vault/snapshotGroup.ts';
import type { Vault } from '../../vault/vault.ts';

interface Collection {
  readonly item: ProtectedItem;
  readonly vault: Vault;
  readonly group: string;
}

const GIB = 2 ** 30;
const MODES: Readonly<Record<PointConsistency, string>> = {
  application: 'ApplicationConsistent',
  fileSystem: 'FileSystemConsistent',
  crash: 'CrashConsistent',
};

/** As Microsoft.Compute shows it; `points` only where they were asked for. */
export const collectionToWire = (collection: Collection, points?: readonly RecoveryPoint[]) => ({
  id: idOf(collection),
  name: collectionName(collection.item),
  type: 'Microsoft.Compute/restorePointCollections',
  location: collection.vault.location,
  tags: {},
  properties: {
    source: { id: sourceOf(collection), location: collection.vault.location },
    provisioningState: 'Succeeded',
    restorePointCollectionId: collection.item.id,
    ...(points ? { restorePoints: points.map((point) => restorePointToWire(collection, point)) } : {}),
  },
});

export const restorePointToWire = (collection: Collection, point: RecoveryPoint) => ({
  id: `${idOf(collection)}/restorePoints/${point.id}`,
  name: point.id,
  type: 'Microsoft.Compute/restorePointCollections/restorePoints',
  properties: {
    provisioningState: 'Succeeded',
    consistencyMode: MODES[point.consistency],
    timeCreated: isoTime(point.takenAt),
    excludeDisks: point.excludedDisks.map(({ name }) => ({ id: diskId(collection, name) })),
    sourceMetadata: {
      vmId: typeof point.machine.vmId === 'string' ? point.machine.vmId : collection.item.vmId,
      location: collection.vault.location,
      storageProfile: {
        osDisk: point.disks
          .filter(({ lun }) => lun === -1)
          .map((disk) => ({
            ...diskOf(collection, disk),
            osType: point.machine.osType === 'Windows' ? 'Windows' : 'Linux',
          }))[0],
        dataDisks: point.disks
          .filter(({ lun }) => lun !== -1)
          .map((disk) => ({ lun: disk.lun, ...diskOf(collection, disk) })),
      },
    },
  },
});

const diskOf = (collection: Collection, { name, sizeBytes }: PointDisk) => ({
  name,
  diskSizeGB: Math.ceil(sizeBytes / GIB),
  managedDisk: { id: diskId(collection, name) },
});

const idOf = ({ vault, item, group }: Collection): string =>
  resourceArmId(vault.subscriptionId, group, 'Microsoft.Compute/restorePointCollections', collectionName(item));

const sourceOf = ({ vault, item }: Collection): string =>
  machineArmId(vault.subscriptionId, item.resourceGroup, item.vmName);

const diskId = ({ vault, item }: Collection, name: string): string =>
  resourceArmId(vault.subscriptionId, item.resourceGroup, 'Microsoft.Compute/disks', name);
