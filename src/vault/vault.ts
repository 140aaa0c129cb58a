import type { JsonObject } from './json.ts';

export type StorageRedundancy = 'LocallyRedundant' | 'GeoRedundant' | 'ZoneRedundant';
export type Immutability = 'Disabled' | 'Unlocked' | 'Locked';
export type VaultProvisioningState = 'Provisioning' | 'Succeeded' | 'Failed' | 'Deleting';

export interface VaultSku {
  readonly name: 'Standard' | 'RS0';
  readonly tier: 'Standard';
}

/** The ARM resource that holds policies, protected items and recovery points, over one chunk store. */
export interface Vault {
  /** UUID; names the vault's store, never changes. */
  readonly id: string;
  readonly subscriptionId: string;
  /** As first spelled; compared without case. */
  readonly resourceGroup: string;
  readonly name: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly sku: VaultSku;
  readonly provisioningState: VaultProvisioningState;
  readonly redundancy: StorageRedundancy;
  readonly crossRegionRestore: 'Enabled' | 'Disabled';
  readonly immutability: Immutability;
  /** 14 to 180 days; soft delete itself is always on. */
  readonly softDeleteRetentionDays: number;
  readonly publicNetworkAccess: 'Enabled' | 'Disabled';
  /** Managed identity as it was sent. */
  readonly identity?: JsonObject;
  /** Settings kept without being understood (monitoringSettings, restoreSettings, …), as they were sent. */
  readonly settings: JsonObject;
  /** ms since epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
}
