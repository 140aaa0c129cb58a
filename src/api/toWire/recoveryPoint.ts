import type { PointHealth } from '../../db/pointHealth.ts';
import { isoTime } from '../../lib/clock.ts';
import {
  hasSnapshot,
  isVaulted,
  type PointConsistency,
  type PointDisk,
  type RecoveryPoint,
} from '../../vault/recoveryPoint.ts';
import type * as Wire from '../wire/recoveryPoint.ts';

const TYPES: Readonly<Record<PointConsistency, Wire.RecoveryPointProperties['recoveryPointType']>> = {
  application: 'AppConsistent',
  fileSystem: 'FileSystemConsistent',
  crash: 'CrashConsistent',
};

/** `itemId` is the ARM id of the protected item. */
export function recoveryPointToWire(itemId: string, point: RecoveryPoint, health?: PointHealth): Wire.RecoveryPoint {
  const osType = point.machine.osType;
  return {
    id: `${itemId}/recoveryPoints/${point.id}`,
    name: point.id,
    type: 'Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints',
    properties: {
      objectType: 'IaasVMRecoveryPoint',
      recoveryPointType: TYPES[point.consistency],
      recoveryPointTime: isoTime(point.takenAt),
      recoveryPointTierDetails: tiers(point),
      recoveryPointAdditionalInfo: point.consistencyReason ?? '',
      sourceVMStorageType: 'NormalStorage',
      isSourceVMEncrypted: false,
      isInstantIlrSessionActive: false,
      isManagedVirtualMachine: true,
      originalStorageAccountOption: false,
      osType: osType === 'Linux' || osType === 'Windows' ? osType : undefined,
      zones: [],
      isPrivateAccessEnabledOnAnyDisk: false,
      recoveryPointDiskConfiguration: {
        numberOfDisksIncludedInBackup: point.disks.length,
        numberOfDisksAttachedToVm: point.disks.length + point.excludedDisks.length,
        includedDiskList: point.disks.map(diskToWire),
        excludedDiskList: point.excludedDisks.map(diskToWire),
      },
      recoveryPointMoveReadinessInfo: {
        ArchivedRP: { isReadyForMove: false, additionalInfo: 'This vault has no archive tier.' },
      },
      recoveryPointProperties: retention(point),
      ...(isVaulted(point) ? { strongroom: healthToWire(health) } : {}),
    },
  };
}

/** A tier that was let go is still named, while the point has another. */
function tiers(point: RecoveryPoint): Wire.RecoveryPointTier[] {
  const { snapshot, vaulted } = point;
  const tier = (
    type: Wire.RecoveryPointTier['type'],
    isValid: boolean,
    expiresAt?: number,
  ): Wire.RecoveryPointTier => ({
    type,
    status: isValid ? 'Valid' : 'Deleted',
    ...(isValid && expiresAt !== undefined ? { extendedInfo: { expiryTime: isoTime(expiresAt) } } : {}),
  });
  return [
    ...(snapshot ? [tier('InstantRP', hasSnapshot(point), snapshot.expiresAt)] : []),
    ...(vaulted ? [tier('HardenedRP', isVaulted(point), vaulted.softDelete?.purgeAt ?? vaulted.expiresAt)] : []),
  ];
}

const healthToWire = (health: PointHealth = {}): Wire.RecoveryPointHealth => ({
  verifiedAt: health.verifiedAt === undefined ? undefined : isoTime(health.verifiedAt),
  damage: health.damage && {
    foundAt: isoTime(health.damage.foundAt),
    disks: health.damage.disks,
    notes: health.damage.notes ?? [],
  },
});

/** The later of both tiers' ends: until then the point can be restored. */
function retention(point: RecoveryPoint): Wire.RecoveryPointRetention {
  const ends = [point.snapshot?.expiresAt, point.vaulted?.expiresAt, point.retainUntil];
  const known = ends.filter((end) => end !== undefined);
  return {
    expiryTime: known.length === 0 ? undefined : isoTime(Math.max(...known)),
    ruleName: point.keptBy.length === 0 ? undefined : point.keptBy.join(', '),
    isSoftDeleted: point.vaulted?.softDelete !== undefined,
  };
}

const diskToWire = (disk: PointDisk): Wire.RecoveryPointDisk => ({ lun: disk.lun, name: disk.name });
