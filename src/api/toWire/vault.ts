import { isoTime } from '../../lib/clock.ts';
import type { JsonObject } from '../../vault/json.ts';
import type { VaultRedundancy } from '../../vault/redundancy.ts';
import type { Vault } from '../../vault/vault.ts';
import type * as Wire from '../wire/vault.ts';
import { vaultId } from './ids.ts';

/** `redundancy`: what the vault has, where that is asked. */
export const vaultToWire = (vault: Vault, tenantId: string, redundancy?: VaultRedundancy): Wire.Vault => ({
  id: vaultId(vault.subscriptionId, vault.resourceGroup, vault.name),
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
    costManagementSettings: section(vault.settings, 'costManagementSettings', { granularityLevel: 'VaultLevel' }),
    backupStorageVersion: 'Unassigned',
    securitySettings: {
      softDeleteSettings: {
        softDeleteRetentionPeriodInDays: vault.softDeleteRetentionDays,
        softDeleteState: 'AlwaysON',
        enhancedSecurityState: 'AlwaysON',
      },
      multiUserAuthorization: 'Disabled',
      sourceScanConfiguration: { state: 'Disabled' },
      // Absent means Disabled, as Azure answers a vault that never had it.
      ...(vault.immutability === 'Disabled' ? {} : { immutabilitySettings: { state: vault.immutability } }),
    },
    redundancySettings: {
      standardTierStorageRedundancy: vault.redundancy,
      crossRegionRestore: vault.crossRegionRestore,
    },
    regionOfChoiceSettings: { status: 'Disabled' },
    secureScore: 'Adequate',
    bcdrSecurityLevel: 'Good',
    publicNetworkAccess: vault.publicNetworkAccess,
    restoreSettings: section(vault.settings, 'restoreSettings', {
      crossSubscriptionRestoreSettings: { crossSubscriptionRestoreState: 'Enabled' },
    }),
    strongroom: { vaultId: vault.id, ...(redundancy && { redundancy }) },
  },
});

const etagOf = (vault: Vault): string => `W/"datetime'${encodeURIComponent(isoTime(vault.updatedAt))}'"`;

function monitoring(settings: JsonObject): Wire.MonitoringSettings {
  const sent = section<Wire.MonitoringSettings>(settings, 'monitoringSettings', {});
  return {
    azureMonitorAlertSettings: {
      alertsForAllJobFailures: 'Enabled',
      alertsForAllReplicationIssues: 'Enabled',
      alertsForAllFailoverIssues: 'Enabled',
      ...sent.azureMonitorAlertSettings,
    },
    classicAlertSettings: {
      alertsForCriticalOperations: 'Enabled',
      emailNotificationsForSiteRecovery: 'Enabled',
      ...sent.classicAlertSettings,
    },
  };
}

/** A section as it was sent; its shape was checked when it came in. */
const section = <T>(settings: JsonObject, name: string, missing: T): T => (settings[name] as T | undefined) ?? missing;

function identityToWire(vault: Vault, tenantId: string): Wire.VaultIdentity | undefined {
  if (!vault.identity) return undefined;
  const identity = vault.identity as unknown as Pick<Wire.VaultIdentity, 'type' | 'userAssignedIdentities'>;
  return {
    type: identity.type,
    // A vault's own id stands for its identity: there is no directory to register it in.
    ...(identity.type.startsWith('SystemAssigned') ? { principalId: vault.id, tenantId } : {}),
    ...(identity.userAssignedIdentities ? { userAssignedIdentities: identity.userAssignedIdentities } : {}),
  };
}
