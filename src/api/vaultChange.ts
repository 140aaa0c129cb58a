import { CodedError } from '../lib/error.ts';
import type { JsonObject } from '../vault/json.ts';
import type { Vault } from '../vault/vault.ts';
import { assertImmutabilityChange, assertRedundancyChange } from '../vault/vaultRules.ts';
import type { VaultPatch, VaultPut } from './body/vault.ts';

const KEPT_SETTINGS = ['monitoringSettings', 'restoreSettings', 'costManagementSettings'] as const;

/**
 * The vault after a PUT or PATCH of that body; what the body leaves out stays as it is.
 * Errors: StorageModelModifyError, UserErrorUnsupportedVaultImmutabilityStateChange,
 * BMSUserErrorSoftDeleteStateAlwaysOn, NotImplemented (customer-managed keys), BadRequest (identity).
 */
export function changedVault(
  vault: Vault,
  body: VaultPut | VaultPatch,
  given: { readonly hasItems: boolean; readonly now: number },
): Vault {
  const properties = body.properties ?? {};
  refuseEncryption(properties.encryption);
  const softDelete = properties.securitySettings?.softDeleteSettings;
  refuseSoftDeleteOff(softDelete?.softDeleteState, 'properties.securitySettings.softDeleteSettings.softDeleteState');
  const immutability = properties.securitySettings?.immutabilitySettings?.state ?? vault.immutability;
  assertImmutabilityChange(vault.immutability, immutability);
  const changed: Vault = {
    ...vault,
    sku: body.sku ? { name: body.sku.name, tier: 'Standard' } : vault.sku,
    immutability,
    softDeleteRetentionDays: softDelete?.softDeleteRetentionPeriodInDays ?? vault.softDeleteRetentionDays,
    publicNetworkAccess: properties.publicNetworkAccess ?? vault.publicNetworkAccess,
    settings: mergedSettings(vault.settings, properties),
    ...identityOf(vault.identity, body.identity),
    updatedAt: given.now,
  };
  const { standardTierStorageRedundancy, crossRegionRestore } = properties.redundancySettings ?? {};
  return changedRedundancy(changed, { redundancy: standardTierStorageRedundancy, crossRegionRestore }, given.hasItems);
}

/** Errors: StorageModelModifyError, BadRequest (cross-region restore without geo redundancy, or switched off again). */
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
  if (redundancy !== vault.redundancy) assertRedundancyChange(vault, redundancy, hasItems);
  if (vault.crossRegionRestore === 'Enabled' && crossRegionRestore === 'Disabled') {
    throw new CodedError(
      'BadRequest',
      'Cross Region Restore is currently a non-reversible storage property. You can not disable it once enabled.',
      { target: 'properties.redundancySettings.crossRegionRestore' },
    );
  }
  if (crossRegionRestore === 'Enabled' && redundancy !== 'GeoRedundant') {
    throw new CodedError(
      'BadRequest',
      `Cross Region Restore needs the redundancy 'GeoRedundant'; the vault has '${redundancy}'.`,
      {
        target: 'properties.redundancySettings.crossRegionRestore',
      },
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

function refuseEncryption(encryption: object | undefined): void {
  if (!encryption || !('keyVaultProperties' in encryption)) return;
  throw new CodedError(
    'NotImplemented',
    'This vault keeps its own key: customer-managed keys in a key vault are not possible.',
    {
      target: 'properties.encryption',
    },
  );
}

function mergedSettings(before: JsonObject, properties: NonNullable<VaultPatch['properties']>): JsonObject {
  const sent = KEPT_SETTINGS.filter((name) => properties[name] !== undefined);
  return merged(before, Object.fromEntries(sent.map((name) => [name, properties[name] as JsonObject])));
}

/** Objects are merged field by field, everything else replaced. */
function merged(before: JsonObject, after: JsonObject): JsonObject {
  const fields = Object.entries(after).map(([name, value]) => {
    const old = before[name];
    return [name, isObject(old) && isObject(value) ? merged(old, value) : value] as const;
  });
  return { ...before, ...Object.fromEntries(fields) };
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Identities that were there stay, unless they are named with null; the type follows from what is left. */
function identityOf(before: JsonObject | undefined, sent: VaultPatch['identity']): { identity?: JsonObject } {
  if (!sent) return before ? { identity: before } : {};
  const types = (sent.type ?? String(before?.type ?? 'None'))
    .toLowerCase()
    .split(',')
    .map((type) => type.trim());
  const unknown = types.find((type) => !['none', 'systemassigned', 'userassigned'].includes(type));
  if (unknown !== undefined) {
    throw new CodedError(
      'BadRequest',
      `identity.type names '${unknown}'; legal are 'None', 'SystemAssigned', 'UserAssigned' and 'SystemAssigned, UserAssigned'.`,
      { target: 'identity.type' },
    );
  }
  const assigned: Record<string, JsonObject> = {
    ...(types.includes('userassigned')
      ? (before?.userAssignedIdentities as Record<string, JsonObject> | undefined)
      : {}),
  };
  for (const [id, value] of Object.entries(sent.userAssignedIdentities ?? {})) {
    if (value === null) delete assigned[id];
    else assigned[id] = {};
  }
  const hasAssigned = Object.keys(assigned).length > 0;
  const type = [types.includes('systemassigned') ? 'SystemAssigned' : '', hasAssigned ? 'UserAssigned' : ''];
  const name = type.filter((word) => word !== '').join(', ') || 'None';
  return { identity: { type: name, ...(hasAssigned ? { userAssignedIdentities: assigned } : {}) } };
}
