import type { IsoTime, Resource } from './resource.ts';

/** `name` is `VM;iaasvmcontainerv2;{group};{machine}`. */
export type ProtectedItem = Resource<
  'Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems',
  ProtectedItemProperties
>;

export type ProtectionState =
  | 'IRPending'
  | 'Protected'
  | 'ProtectionError'
  | 'ProtectionStopped'
  | 'ProtectionPaused'
  | 'BackupsSuspended';

export interface ProtectedItemProperties {
  readonly protectedItemType: 'Microsoft.Compute/virtualMachines';
  readonly backupManagementType: 'AzureIaasVM';
  readonly workloadType: 'VM';
  /** The machine's name with its own casing. */
  readonly friendlyName: string;
  /** `iaasvmcontainerv2;{group};{machine}`. */
  readonly containerName: string;
  readonly sourceResourceId: string;
  readonly virtualMachineId: string;
  /** Empty when protection is stopped. */
  readonly policyId: string;
  readonly policyName?: string | undefined;
  readonly protectionState: ProtectionState;
  readonly protectionStatus: string;
  readonly healthStatus?: 'Passed' | 'ActionRequired' | 'ActionSuggested' | 'Invalid' | undefined;
  readonly healthDetails?: readonly HealthDetail[] | undefined;
  readonly kpisHealths?: Readonly<Record<string, never>> | undefined;
  readonly lastBackupStatus?: string | undefined;
  readonly lastBackupTime?: IsoTime | undefined;
  readonly lastRecoveryPoint?: IsoTime | undefined;
  readonly protectedItemDataId?: string | undefined;
  readonly isArchiveEnabled?: boolean | undefined;
  readonly isScheduledForDeferredDelete?: boolean | undefined;
  readonly deferredDeleteTimeInUTC?: IsoTime | undefined;
  readonly deferredDeleteTimeRemaining?: string | undefined;
  readonly isDeferredDeleteScheduleUpcoming?: boolean | undefined;
  readonly isRehydrate?: boolean | undefined;
  readonly softDeleteRetentionPeriodInDays?: number | undefined;
  readonly vaultId?: string | undefined;
  readonly extendedInfo?: ProtectedItemExtendedInfo | undefined;
  readonly extendedProperties?: ExtendedProperties | undefined;
}

export interface HealthDetail {
  readonly code?: number | undefined;
  readonly title?: string | undefined;
  readonly message?: string | undefined;
  readonly recommendations?: readonly string[] | undefined;
}

export interface ProtectedItemExtendedInfo {
  readonly oldestRecoveryPoint?: IsoTime | undefined;
  readonly oldestRecoveryPointInVault?: IsoTime | undefined;
  readonly recoveryPointCount?: number | undefined;
  readonly policyInconsistent?: boolean | undefined;
}

/** An inclusion list names the data disks to take, an exclusion list those to leave; the OS disk is always in. */
export interface ExtendedProperties {
  readonly diskExclusionProperties?:
    | { readonly diskLunList: readonly number[]; readonly isInclusionList: boolean }
    | undefined;
  readonly linuxVmApplicationName?: string | undefined;
}

/**
 * Body of PUT. With a `policyId` it enables, resumes or changes the policy; with `policyId: ''` and
 * ProtectionStopped it stops and keeps the data; with `isRehydrate` besides it takes back a deletion.
 */
export interface ProtectedItemRequest {
  readonly properties: {
    readonly protectedItemType: 'Microsoft.Compute/virtualMachines';
    readonly sourceResourceId?: string | undefined;
    readonly policyId?: string | undefined;
    readonly protectionState?: 'ProtectionStopped' | 'BackupsSuspended' | undefined;
    readonly isRehydrate?: boolean | undefined;
    readonly extendedProperties?: ExtendedProperties | undefined;
  };
}
