import { CodedError } from '../lib/error.ts';
import { mergeJson } from '../lib/mergeJson.ts';
import type { JsonObject } from '../vault/json.ts';
import type { CriticalOperation } from '../vault/resourceGuard.ts';
import type { Vault, VaultSettings } from '../vault/vault.ts';
import { after, assertImmutabilityChange, assertRedundancyChange } from '../vault/vaultRules.ts';
import type { VaultPatch, VaultPut } from './body/vault.ts';
import { changedIdentity, type FoundIdentities } from './vaultIdentity.ts';

const KEPT_SETTINGS = ['monitoringSettings', 'restoreSettings', 'costManagementSettings'] as const;
const SOFT_DELETE = 'properties.securitySettings.softDeleteSettings';

/**
 * The vault after a PUT or PATCH of that body; what the body leaves out stays as it is. Its encryption is not changed
 * here. Errors: StorageModelModifyError, CrossRegionRestoreNotSupported, UserErrorUnsupportedVaultImmutabilityStateChange,
 * BMSUserErrorSoftDeleteStateAlwaysOn, BadRequest (identity, restore settings).
 */
export function changedVault(
  vault: Vault,
  body: VaultPut | VaultPatch,
  given: { readonly hasItems: boolean; readonly now: number; readonly identities: FoundIdentities },
): Vault {
  const properties = body.properties ?? {};
  const softDelete = properties.securitySettings?.softDeleteSettings;
  refuseSoftDeleteOff(softDelete?.softDeleteState, `${SOFT_DELETE}.softDeleteState`);
  refuseSoftDeleteOff(softDelete?.enhancedSecurityState, `${SOFT_DELETE}.enhancedSecurityState`);
  const immutability = properties.securitySettings?.immutabilitySettings?.state ?? vault.immutability;
  assertImmutabilityChange(vault.immutability, immutability);
  const changed: Vault = {
    ...vault,
    tags: body.tags ?? vault.tags,
    sku: body.sku ? { name: body.sku.name, tier: 'Standard' } : vault.sku,
    immutability,
    softDeleteRetentionDays: softDelete?.softDeleteRetentionPeriodInDays ?? vault.softDeleteRetentionDays,
    publicNetworkAccess: properties.publicNetworkAccess ?? vault.publicNetworkAccess,
    settings: mergedSettings(vault.settings, properties),
    ...changedIdentity(vault.identity, body.identity, given.identities),
    updatedAt: after(vault, given.now),
  };
  const { standardTierStorageRedundancy, crossRegionRestore } = properties.redundancySettings ?? {};
  return changedRedundancy(changed, { redundancy: standardTierStorageRedundancy, crossRegionRestore }, given.hasItems);
}

/** What of a change a resource guard watches over. */
export function criticalChanges(before: Vault, changed: Vault): readonly CriticalOperation[] {
  const found: CriticalOperation[] = [];
  if (before.immutability === 'Unlocked' && changed.immutability === 'Disabled') found.push('disableImmutability');
  if (changed.softDeleteRetentionDays < before.softDeleteRetentionDays) found.push('disableSoftDelete');
  return found;
}

/** Errors: StorageModelModifyError, CrossRegionRestoreNotSupported (without geo redundancy, or switched off again). */
export function changedRedundancy(
  vault: Vault,
  to: {
    readonly redundancy?: Vault['redundancy'] | undefined;
    readonly crossRegionRestore?: Vault['crossRegionRestore'] | undefined;
  },
  hasItems: boolean,
): Vault {
  const redundancy = to.redundancy ?? vault.redundancy;
  const crossRegionRestore = to.crossRegionRestore ?? vault.crossRegionRestore;
  const target = 'properties.redundancySettings.crossRegionRestore';
  if (redundancy !== vault.redundancy) assertRedundancyChange(vault, redundancy, hasItems);
  if (vault.crossRegionRestore === 'Enabled' && crossRegionRestore === 'Disabled') {
    throw new CodedError(
      'CrossRegionRestoreNotSupported',
      'Cross Region Restore is currently a non-reversible storage property. You can not disable it once enabled.',
      { target },
    );
  }
  if (crossRegionRestore === 'Enabled' && redundancy !== 'GeoRedundant') {
    throw new CodedError(
      'CrossRegionRestoreNotSupported',
      `Cross Region Restore needs the redundancy 'GeoRedundant'; the vault has '${redundancy}'.`,
      { target },
    );
  }
  return { ...vault, redundancy, crossRegionRestore };
}

/** Errors: BMSUserErrorSoftDeleteStateAlwaysOn. */
export function refuseSoftDeleteOff(state: string | undefined, target: string): void {
  if (state?.toLowerCase() !== 'disabled') return;
  throw new CodedError(
    'BMSUserErrorSoftDeleteStateAlwaysOn',
    "Soft delete is always on in this vault and cannot be disabled; legal are 'Enabled' and 'AlwaysON'.",
    { target, recommendations: ['A deleted item can be taken back, or is purged once its retention is over.'] },
  );
}

/** Errors: BadRequest. */
function mergedSettings(before: VaultSettings, properties: NonNullable<VaultPatch['properties']>): VaultSettings {
  const sent = KEPT_SETTINGS.filter((name) => properties[name] !== undefined);
  const changes = Object.fromEntries(sent.map((name) => [name, properties[name]])) as JsonObject;
  // both have the shape of the body's schema
  const merged = mergeJson(before as JsonObject, changes) as VaultSettings;
  const [was, is] = [before, merged].map(
    ({ restoreSettings }) => restoreSettings?.crossSubscriptionRestoreSettings?.crossSubscriptionRestoreState,
  );
  if (was !== 'PermanentlyDisabled' || is === was) return merged;
  throw new CodedError(
    'BadRequest',
    `The cross-subscription restore of the vault is 'PermanentlyDisabled'; it cannot become '${is}'.`,
    { target: 'properties.restoreSettings.crossSubscriptionRestoreSettings.crossSubscriptionRestoreState' },
  );
}
