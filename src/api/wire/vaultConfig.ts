import type { Resource } from './resource.ts';
import type { StorageRedundancy } from './vault.ts';

/** `backupstorageconfig/vaultstorageconfig`: the vault's redundancy seen from the backup provider. */
export type VaultStorageConfig = Resource<
  'Microsoft.RecoveryServices/vaults/backupstorageconfig',
  VaultStorageConfigProperties
>;

export interface VaultStorageConfigProperties {
  readonly storageModelType?: StorageRedundancy | undefined;
  readonly storageType?: StorageRedundancy | undefined;
  readonly storageTypeState?: 'Locked' | 'Unlocked' | undefined;
  readonly crossRegionRestoreFlag?: boolean | undefined;
  readonly dedupState?: 'Enabled' | 'Disabled' | undefined;
  readonly xcoolState?: 'Enabled' | 'Disabled' | undefined;
}

/** `backupconfig/vaultconfig`: soft delete and what goes with it. */
export type VaultConfig = Resource<'Microsoft.RecoveryServices/vaults/backupconfig', VaultConfigProperties>;

export interface VaultConfigProperties {
  readonly enhancedSecurityState?: 'Enabled' | 'Disabled' | 'AlwaysON' | undefined;
  readonly softDeleteFeatureState?: 'Enabled' | 'Disabled' | 'AlwaysON' | undefined;
  readonly softDeleteRetentionPeriodInDays?: number | undefined;
  readonly storageModelType?: StorageRedundancy | undefined;
  readonly storageType?: StorageRedundancy | undefined;
  readonly storageTypeState?: 'Locked' | 'Unlocked' | undefined;
  readonly isSoftDeleteFeatureStateEditable?: boolean | undefined;
  /** Only in requests; shown empty. */
  readonly resourceGuardOperationRequests?: readonly string[] | undefined;
}

/** `backupEncryptionConfigs/backupResourceEncryptionConfig`. */
export type EncryptionConfig = Resource<
  'Microsoft.RecoveryServices/vaults/backupEncryptionConfigs',
  EncryptionConfigProperties
>;

export interface EncryptionConfigProperties {
  readonly encryptionAtRestType?: 'MicrosoftManaged' | 'CustomerManaged' | undefined;
  readonly keyUri?: string | undefined;
  readonly useSystemAssignedIdentity?: boolean | undefined;
  readonly userAssignedIdentity?: string | undefined;
  readonly infrastructureEncryptionState?: 'Invalid' | 'Enabled' | 'Disabled' | undefined;
  readonly lastUpdateStatus?: string | undefined;
}
