import { isoTime } from '../../lib/clock.ts';
import { containerName, itemIdName, itemName, shortContainerName } from '../../vault/names.ts';
import type { Policy } from '../../vault/policy.ts';
import type { ProtectedItem } from '../../vault/protectedItem.ts';
import type { RecoveryPoint } from '../../vault/recoveryPoint.ts';
import type { Vault } from '../../vault/vault.ts';
import type * as Wire from '../wire/protectedItem.ts';
import { armIdOf, containerId, machineId, policyId } from './ids.ts';

/** What of an item stands elsewhere. */
export interface ItemSurroundings {
  readonly vault: Vault;
  readonly policy?: Policy | undefined;
  readonly newestPoint?: RecoveryPoint | undefined;
  /** Only where one item is read. */
  readonly points?: {
    readonly count: number;
    readonly oldest?: RecoveryPoint | undefined;
    readonly oldestInVault?: RecoveryPoint | undefined;
  };
  readonly now: number;
}

const DAY_MS = 86_400_000;
/** What Azure shows before the first backup. */
const NEVER = '2001-01-01T00:00:00Z';

export function protectedItemToWire(item: ProtectedItem, around: ItemSurroundings): Wire.ProtectedItem {
  const { vault, policy, newestPoint } = around;
  const vaultId = armIdOf(vault);
  const machine = machineId(vault.subscriptionId, item.resourceGroup, item.vmName);
  return {
    id: `${containerId(vaultId, containerName(item))}/protectedItems/${itemIdName(item)}`,
    name: itemName(item),
    type: 'Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems',
    properties: {
      protectedItemType: 'Microsoft.Compute/virtualMachines',
      backupManagementType: 'AzureIaasVM',
      workloadType: 'VM',
      friendlyName: item.vmName,
      containerName: shortContainerName(item),
      sourceResourceId: machine,
      virtualMachineId: machine,
      policyId: policy ? policyId(vaultId, policy.name) : '',
      policyName: policy?.name ?? '',
      protectionState: item.protectionState,
      protectionStatus: 'Healthy',
      ...healthOf(item),
      lastBackupStatus: item.lastBackup?.status ?? (item.protectionState === 'IRPending' ? 'IRPending' : ''),
      lastBackupTime: item.lastBackup ? isoTime(item.lastBackup.time) : NEVER,
      lastRecoveryPoint: newestPoint && isoTime(newestPoint.takenAt),
      protectedItemDataId: item.id,
      isArchiveEnabled: false,
      softDeleteRetentionPeriodInDays: item.softDelete?.retentionDays ?? vault.softDeleteRetentionDays,
      vaultId,
      ...softDeleteOf(item, around.now),
      ...(item.disks ? { extendedProperties: disksOf(item.disks) } : {}),
      ...(around.points ? { extendedInfo: extendedInfo(around.points) } : {}),
    },
  };
}

function healthOf(item: ProtectedItem): Pick<Wire.ProtectedItemProperties, 'healthStatus' | 'healthDetails'> {
  if (item.lastBackup?.status !== 'Failed') return { healthStatus: 'Passed', healthDetails: [] };
  const { errorCode, errorMessage } = item.lastBackup;
  return {
    healthStatus: 'ActionRequired',
    healthDetails: [{ title: errorCode, message: errorMessage, recommendations: [] }],
  };
}

function softDeleteOf(item: ProtectedItem, now: number): Partial<Wire.ProtectedItemProperties> {
  if (!item.softDelete) return {};
  const remainingMs = Math.max(0, item.softDelete.purgeAt - now);
  return {
    isScheduledForDeferredDelete: true,
    deferredDeleteTimeInUTC: isoTime(item.softDelete.deletedAt),
    deferredDeleteTimeRemaining: dotNetTimeSpan(remainingMs),
    isDeferredDeleteScheduleUpcoming: remainingMs <= 2 * DAY_MS,
  };
}

const disksOf = (disks: NonNullable<ProtectedItem['disks']>): Wire.ExtendedProperties => ({
  diskExclusionProperties: { diskLunList: disks.luns, isInclusionList: disks.isInclusionList },
});

const extendedInfo = (points: NonNullable<ItemSurroundings['points']>): Wire.ProtectedItemExtendedInfo => ({
  recoveryPointCount: points.count,
  oldestRecoveryPoint: points.oldest && isoTime(points.oldest.takenAt),
  oldestRecoveryPointInVault: points.oldestInVault && isoTime(points.oldestInVault.takenAt),
  policyInconsistent: false,
});

/** 'd.hh:mm:ss', which is how Azure writes this one field. */
function dotNetTimeSpan(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (value: number) => String(value).padStart(2, '0');
  const clock = `${two(Math.floor((seconds % 86_400) / 3600))}:${two(Math.floor((seconds % 3600) / 60))}:${two(seconds % 60)}`;
  const days = Math.floor(seconds / 86_400);
  return days > 0 ? `${days}.${clock}` : clock;
}
