import type { Tags, TrackedResource } from './resource.ts';

export type ImmutabilityState = 'Disabled' | 'Unlocked' | 'Locked';
export type SoftDeleteState = 'Enabled' | 'Disabled' | 'AlwaysON';
export type StorageRedundancy = 'LocallyRedundant' | 'GeoRedundant' | 'ZoneRedundant';
export type EnabledOrDisabled = 'Enabled' | 'Disabled';

export interface VaultProperties {
  readonly provisioningState: 'Provisioning' | 'Succeeded' | 'Failed' | 'Deleting';
  readonly privateEndpointStateForBackup?: 'None' | 'Enabled' | undefined;
  readonly privateEndpointStateForSiteRecovery?: 'None' | 'Enabled' | undefined;
  readonly publicNetworkAccess?: EnabledOrDisabled | undefined;
  readonly monitoringSettings?: MonitoringSettings | undefined;
  readonly redundancySettings?: RedundancySettings | undefined;
  readonly securitySettings?: SecuritySettings | undefined;
  readonly restoreSettings?: RestoreSettings | undefined;
  readonly costManagementSettings?: { readonly granularityLevel: string } | undefined;
  readonly regionOfChoiceSettings?: { readonly status: EnabledOrDisabled } | undefined;
  readonly backupStorageVersion?: 'Unassigned' | 'V1' | 'V2' | undefined;
  readonly secureScore?: 'None' | 'Minimum' | 'Adequate' | 'Maximum' | undefined;
  readonly bcdrSecurityLevel?: 'Poor' | 'Fair' | 'Good' | 'Excellent' | undefined;
  readonly encryption?: VaultEncryption | undefined;
  readonly moveState?: 'MoveSucceeded' | undefined;
  readonly moveDetails?: MoveDetails | undefined;
  /** Of critical operations on a vault with a resource guard; only in requests. */
  readonly resourceGuardOperationRequests?: readonly string[] | undefined;
  /** The one additive property bag; read-only. */
  readonly strongroom?: VaultPlace | undefined;
}

export interface VaultEncryption {
  readonly keyVaultProperties?: { readonly keyUri?: string | undefined } | undefined;
  readonly kekIdentity?: KekIdentity | undefined;
  readonly infrastructureEncryption?: EnabledOrDisabled | undefined;
}

export interface KekIdentity {
  readonly useSystemAssignedIdentity?: boolean | undefined;
  readonly userAssignedIdentity?: string | undefined;
}

export interface MoveDetails {
  readonly operationId: string;
  readonly startTimeUtc: string;
  readonly completionTimeUtc: string;
  readonly sourceResourceId: string;
  readonly targetResourceId: string;
}

export interface VaultPlace {
  /** Names the store's folder, `stores/<vaultId>`, and its key file, `keys/<vaultId>.key`. */
  readonly vaultId: string;
  /** `redundancySettings` is what was asked for; this is what the vault's places give it. */
  readonly redundancy?: {
    readonly wanted: StorageRedundancy;
    readonly actual: StorageRedundancy;
    /** Why it has less than was asked for. */
    readonly why?: string | undefined;
  };
}

export interface MonitoringSettings {
  readonly azureMonitorAlertSettings?: AzureMonitorAlertSettings | undefined;
  readonly classicAlertSettings?: ClassicAlertSettings | undefined;
}

export interface AzureMonitorAlertSettings {
  readonly alertsForAllJobFailures?: EnabledOrDisabled | undefined;
  readonly alertsForAllReplicationIssues?: EnabledOrDisabled | undefined;
  readonly alertsForAllFailoverIssues?: EnabledOrDisabled | undefined;
}

export interface ClassicAlertSettings {
  readonly alertsForCriticalOperations?: EnabledOrDisabled | undefined;
  readonly emailNotificationsForSiteRecovery?: EnabledOrDisabled | undefined;
}

export interface RedundancySettings {
  readonly standardTierStorageRedundancy?: StorageRedundancy | undefined;
  readonly crossRegionRestore?: EnabledOrDisabled | undefined;
}

export interface SecuritySettings {
  readonly immutabilitySettings?: { readonly state: ImmutabilityState } | undefined;
  readonly softDeleteSettings?: SoftDeleteSettings | undefined;
  readonly multiUserAuthorization?: 'Invalid' | EnabledOrDisabled | undefined;
  readonly sourceScanConfiguration?: { readonly state: EnabledOrDisabled } | undefined;
}

export interface SoftDeleteSettings {
  readonly softDeleteRetentionPeriodInDays?: number | undefined;
  readonly softDeleteState?: SoftDeleteState | undefined;
  readonly enhancedSecurityState?: SoftDeleteState | undefined;
}

export interface RestoreSettings {
  readonly crossSubscriptionRestoreSettings?: {
    readonly crossSubscriptionRestoreState: EnabledOrDisabled | 'PermanentlyDisabled';
  };
}

export interface VaultSku {
  readonly name: 'Standard' | 'RS0';
  readonly tier?: 'Standard' | undefined;
}

export interface Vault extends TrackedResource<'Microsoft.RecoveryServices/vaults', VaultProperties> {
  readonly sku: VaultSku;
  readonly identity?: VaultIdentity | undefined;
}

export interface VaultIdentity {
  readonly type: 'None' | 'SystemAssigned' | 'UserAssigned' | 'SystemAssigned, UserAssigned';
  readonly principalId?: string | undefined;
  readonly tenantId?: string | undefined;
  readonly userAssignedIdentities?: Readonly<Record<string, object>> | undefined;
}

/** Body of PUT. */
export interface VaultRequest {
  readonly location: string;
  readonly tags?: Tags | undefined;
  readonly sku: VaultSku;
  readonly identity?: VaultIdentity | undefined;
  readonly properties: Partial<VaultProperties>;
}
