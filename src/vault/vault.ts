import type { JsonObject } from './json.ts';

export type StorageRedundancy = 'LocallyRedundant' | 'GeoRedundant' | 'ZoneRedundant';
export type Immutability = 'Disabled' | 'Unlocked' | 'Locked';
export type VaultProvisioningState = 'Provisioning' | 'Succeeded' | 'Failed' | 'Deleting';

export interface VaultSku {
  readonly name: 'Standard' | 'RS0';
  readonly tier: 'Standard';
}

/** Settings that other parts look up; what is absent has its default. */
export interface VaultSettings {
  readonly monitoringSettings?: {
    readonly azureMonitorAlertSettings?: {
      readonly alertsForAllJobFailures?: Switch;
      readonly alertsForAllReplicationIssues?: Switch;
      readonly alertsForAllFailoverIssues?: Switch;
    };
    readonly classicAlertSettings?: {
      readonly alertsForCriticalOperations?: Switch;
      readonly emailNotificationsForSiteRecovery?: Switch;
    };
  };
  readonly restoreSettings?: {
    readonly crossSubscriptionRestoreSettings?: {
      readonly crossSubscriptionRestoreState?: Switch | 'PermanentlyDisabled';
    };
  };
  readonly costManagementSettings?: { readonly granularityLevel?: CostGranularity };
}

export type Switch = 'Enabled' | 'Disabled';
export type CostGranularity = 'VaultLevel' | 'ProtectedItemLevel' | 'ProtectedItemWithParentTag';

export interface GuardLink {
  /** 'VaultProxy'. */
  readonly proxyName: string;
  /** ARM id of the guard. */
  readonly guardId: string;
  /** ms since epoch. */
  readonly linkedAt: number;
}

export interface VaultSoftDelete {
  readonly deletedAt: number;
  /** Its store goes then at the earliest, when no item is left in it. */
  readonly purgeAt: number;
}

export interface VaultEncryption {
  /** Names the source of the vault's key, as the operator named it. */
  readonly keyUri: string;
  /** As it was sent; the key is read by the server itself. */
  readonly kekIdentity?: { readonly useSystemAssignedIdentity?: boolean; readonly userAssignedIdentity?: string };
  readonly updatedAt: number;
}

export interface VaultMove {
  readonly operationId: string;
  readonly at: number;
  /** ARM ids of the vault before and after. */
  readonly from: string;
  readonly to: string;
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
  /** Managed identity; the ids of user-assigned ones as they were sent. */
  readonly identity?: JsonObject;
  readonly settings: VaultSettings;
  /** Set: it is encrypted with a key that the operator chose, and stays so. */
  readonly encryption?: VaultEncryption;
  /** The resource guard whose consent critical operations need. */
  readonly guard?: GuardLink;
  /** What agents of other workloads have left with it, as they sent it. */
  readonly extendedInfo?: Readonly<Record<string, string>>;
  /** Set: the vault is deleted, and can be taken back until it is purged. */
  readonly softDelete?: VaultSoftDelete;
  /** Its last move to another resource group. */
  readonly moved?: VaultMove;
  /** ms since epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
}
