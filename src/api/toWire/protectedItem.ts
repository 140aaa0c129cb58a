import type { GuestExtensionRecord } from '../../db/guestExtensions.ts';
import type { PointSpan } from '../../db/pointSpan.ts';
import { DAY_MS, isoTime } from '../../lib/clock.ts';
import { itemArmId, machineArmId, policyArmId, vaultArmId } from '../../vault/armIds.ts';
import { catalogueEntry } from '../../vault/errorCatalogue.ts';
import { itemName, shortContainerName } from '../../vault/names.ts';
import type { Policy } from '../../vault/policy.ts';
import type { ProtectedItem } from '../../vault/protectedItem.ts';
import { healthOf } from '../../vault/protection.ts';
import type { Vault } from '../../vault/vault.ts';
import type * as Wire from '../wire/protectedItem.ts';

/** What of an item stands elsewhere. */
export interface ItemSurroundings {
  readonly vault: Vault;
  readonly policy?: Policy | undefined;
  /** When the newest point was taken, ms. */
  readonly newestPointAt?: number | undefined;
  /** Only where they were asked for. */
  readonly points?: PointSpan & {
    /** The policy changed, and the points were not judged under it yet. */
    readonly policyInconsistent: boolean;
  };
  /** How the guest extension stands in its machine; only where one item is read. */
  readonly extension?: GuestExtensionRecord | undefined;
  readonly now: number;
}

/** What Azure shows before the first backup. */
const NEVER = '2001-01-01T00:00:00Z';

export function protectedItemToWire(item: ProtectedItem, around: ItemSurroundings): Wire.ProtectedItem {
  const { vault, policy, newestPointAt } = around;
  const vaultId = vaultArmId(vault);
  const machine = machineArmId(vault.subscriptionId, item.resourceGroup, item.vmName);
  return {
    id: itemArmId(vaultId, item),
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
      policyId: policy ? policyArmId(vaultId, policy.name) : '',
      policyName: policy?.name ?? '',
      protectionState: item.protectionState,
      protectionStatus: 'Healthy',
      healthStatus: healthOf(item),
      healthDetails: [...healthDetailsOf(item), ...extensionDetails(item, around.extension)],
      kpisHealths: {},
      lastBackupStatus: item.lastBackup?.status ?? (item.protectionState === 'IRPending' ? 'IRPending' : ''),
      lastBackupTime: item.lastBackup ? isoTime(item.lastBackup.time) : NEVER,
      lastRecoveryPoint: newestPointAt === undefined ? undefined : isoTime(newestPointAt),
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

function healthDetailsOf(item: ProtectedItem): readonly Wire.HealthDetail[] {
  if (healthOf(item) === 'Passed') return [];
  const { errorCode, errorMessage } = item.lastBackup ?? {};
  const entry = errorCode === undefined ? undefined : catalogueEntry(errorCode);
  return [
    {
      ...(entry?.number === undefined ? {} : { code: entry.number }),
      title: errorCode,
      message: errorMessage,
      recommendations: entry?.recommendations ?? [],
    },
  ];
}

/** A machine without its extension is backed up all the same, but its scripts are not run. */
function extensionDetails(
  item: ProtectedItem,
  extension: GuestExtensionRecord | undefined,
): readonly Wire.HealthDetail[] {
  if (extension?.status !== 'failed' || extension.vmId !== item.vmId) return [];
  const { message, recommendation } = extension;
  const recommendations = recommendation === undefined ? [] : [recommendation];
  return [{ title: 'UserErrorGuestAgentStatusUnavailable', message, recommendations }];
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
  oldestRecoveryPoint: points.oldest === undefined ? undefined : isoTime(points.oldest),
  oldestRecoveryPointInVault: points.oldestInVault === undefined ? undefined : isoTime(points.oldestInVault),
  policyInconsistent: points.policyInconsistent,
});

/** 'd.hh:mm:ss', which is how Azure writes this one field. */
function dotNetTimeSpan(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (value: number) => String(value).padStart(2, '0');
  const clock = `${two(Math.floor((seconds % 86_400) / 3600))}:${two(Math.floor((seconds % 3600) / 60))}:${two(seconds % 60)}`;
  const days = Math.floor(seconds / 86_400);
  return days > 0 ? `${days}.${clock}` : clock;
}
