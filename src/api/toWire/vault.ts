import { isoTime } from '../../lib/clock.ts';
import { vaultArmId } from '../../vault/armIds.ts';
import type { VaultRedundancy } from '../../vault/redundancy.ts';
import { securityLevel } from '../../vault/securityLevel.ts';
import type { Vault, VaultSettings } from '../../vault/vault.ts';
import type * as Wire from '../wire/vault.ts';

/** `redundancy`: what the vault has, where that is asked. */
export const vaultToWire = (vault: Vault, tenantId: string, redundancy?: VaultRedundancy): Wire.Vault => ({
  id: vaultArmId(vault),
  name: vault.name,
  type: 'Microsoft.RecoveryServices/vaults',
  etag: etagOf(vault),
  location: vault.location,
  tags: vault.tags,
  sku: vault.sku,
  identity: identityToWire(vault, tenantId),
  properties: {
    provisioningState: vault.provisioningState,
    privateEndpointStateForBackup: 'None',
    privateEndpointStateForSiteRecovery: 'None',
    monitoringSettings: monitoring(vault.settings),
    costManagementSettings: { granularityLevel: 'VaultLevel', ...vault.settings.costManagementSettings },
    backupStorageVersion: 'Unassigned',
    securitySettings: {
      softDeleteSettings: {
        softDeleteRetentionPeriodInDays: vault.softDeleteRetentionDays,
        softDeleteState: 'AlwaysON',
        enhancedSecurityState: 'AlwaysON',
      },
      multiUserAuthorization: vault.guard ? 'Enabled' : 'Disabled',
      sourceScanConfiguration: { state: 'Disabled' },
      // Absent means Disabled, as Azure answers a vault that never had it.
      ...(vault.immutability === 'Disabled' ? {} : { immutabilitySettings: { state: vault.immutability } }),
    },
    redundancySettings: {
      standardTierStorageRedundancy: vault.redundancy,
      crossRegionRestore: vault.crossRegionRestore,
    },
    regionOfChoiceSettings: { status: 'Disabled' },
    ...securityLevel(vault),
    publicNetworkAccess: vault.publicNetworkAccess,
    restoreSettings: {
      crossSubscriptionRestoreSettings: {
        crossSubscriptionRestoreState: 'Enabled',
        ...vault.settings.restoreSettings?.crossSubscriptionRestoreSettings,
      },
    },
    ...encryptionToWire(vault),
    ...moveToWire(vault),
    strongroom: { vaultId: vault.id, ...(redundancy && { redundancy }) },
  },
});

/** A fresh vault as the answer to its creation shows it: what comes of it the operation tells. */
export const newVaultToWire = (vault: Wire.Vault): Wire.Vault => ({
  ...vault,
  properties: {
    ...vault.properties,
    provisioningState: 'Provisioning',
    securitySettings: { ...vault.properties.securitySettings, multiUserAuthorization: 'Invalid' },
  },
});

export const etagOf = (vault: Pick<Vault, 'updatedAt'>): string =>
  `W/"datetime'${encodeURIComponent(isoTime(vault.updatedAt))}'"`;

const monitoring = ({ monitoringSettings: sent }: VaultSettings): Wire.MonitoringSettings => ({
  azureMonitorAlertSettings: {
    alertsForAllJobFailures: 'Enabled',
    alertsForAllReplicationIssues: 'Enabled',
    alertsForAllFailoverIssues: 'Enabled',
    ...sent?.azureMonitorAlertSettings,
  },
  classicAlertSettings: {
    alertsForCriticalOperations: 'Enabled',
    emailNotificationsForSiteRecovery: 'Enabled',
    ...sent?.classicAlertSettings,
  },
});

function encryptionToWire({ encryption }: Vault): Pick<Wire.VaultProperties, 'encryption'> {
  if (!encryption) return {};
  return {
    encryption: {
      keyVaultProperties: { keyUri: encryption.keyUri },
      ...(encryption.kekIdentity && { kekIdentity: encryption.kekIdentity }),
      infrastructureEncryption: 'Disabled',
    },
  };
}

function moveToWire({ moved }: Vault): Pick<Wire.VaultProperties, 'moveDetails' | 'moveState'> {
  if (!moved) return {};
  const time = isoTime(moved.at);
  return {
    moveState: 'MoveSucceeded',
    moveDetails: {
      operationId: moved.operationId,
      startTimeUtc: time,
      completionTimeUtc: time,
      sourceResourceId: moved.from,
      targetResourceId: moved.to,
    },
  };
}

function identityToWire(vault: Vault, tenantId: string): Wire.VaultIdentity | undefined {
  if (!vault.identity) return undefined;
  const { type, principalId, userAssignedIdentities } = vault.identity as unknown as Wire.VaultIdentity;
  return {
    type,
    // vaults of before had none of their own: their id stood for it
    ...(type.startsWith('SystemAssigned') ? { principalId: principalId ?? vault.id, tenantId } : {}),
    ...(userAssignedIdentities ? { userAssignedIdentities } : {}),
  };
}
