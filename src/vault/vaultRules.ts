import { CodedError } from '../lib/error.ts';
import { assertVaultName, containerName } from './names.ts';
import type { Policy } from './policy.ts';
import type { ProtectedItem } from './protectedItem.ts';
import type { Immutability, StorageRedundancy, Vault } from './vault.ts';

export interface NewVault {
  /** UUID. */
  readonly id: string;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly name: string;
  readonly location: string;
  readonly tags?: Readonly<Record<string, string>>;
}

const SOFT_DELETE_DAYS = 14;

/** A vault with the defaults of a fresh one. Errors: InvalidResourceName. */
export const newVault = (given: NewVault, now: number): Vault => {
  assertVaultName(given.name);
  return {
    ...given,
    tags: given.tags ?? {},
    sku: { name: 'RS0', tier: 'Standard' },
    provisioningState: 'Succeeded',
    redundancy: 'GeoRedundant',
    crossRegionRestore: 'Disabled',
    immutability: 'Disabled',
    softDeleteRetentionDays: SOFT_DELETE_DAYS,
    publicNetworkAccess: 'Enabled',
    settings: {},
    createdAt: now,
    updatedAt: now,
  };
};

/**
 * Errors: ServiceResourceNotEmptyWithContainerDetails naming the containers; BMSUserErrorVaultDeletionNotAllowed
 * when only soft-deleted items are left.
 */
export const assertVaultDeletable = (vault: Vault, items: readonly ProtectedItem[]): void => {
  const live = items.filter((item) => item.softDelete === undefined);
  if (live.length > 0) {
    const names = live.map(containerName).join(', ');
    throw new CodedError(
      'ServiceResourceNotEmptyWithContainerDetails',
      `Vault cannot be deleted as there are existing resources within the vault. Please ensure there are no backup items, protected servers, or backup management servers associated with this vault. Unregister the following containers associated with this vault before proceeding for deletion : ${names}`,
      {
        target: vault.name,
        details: live.map(blocker),
        recommendations: ['Stop protection of these items and delete their data.'],
      },
    );
  }
  if (items.length > 0) {
    throw new CodedError(
      'BMSUserErrorVaultDeletionNotAllowed',
      `Recovery Services vault cannot be deleted as there are backup items in soft deleted state in the vault. The soft deleted items are permanently deleted after ${vault.softDeleteRetentionDays} days of delete operation. Please try vault deletion after the backup items are permanently deleted and there is no item in soft deleted state left in the vault.`,
      {
        target: vault.name,
        details: items.map(blocker),
        recommendations: ['Wait for their purge, then delete the vault.'],
      },
    );
  }
};

/** Errors: BMSUserErrorPolicyObjectInUse naming the items. */
export const assertPolicyDeletable = (policy: Policy, items: readonly ProtectedItem[]): void => {
  const users = items.filter((item) => item.policyId === policy.id);
  if (users.length === 0) return;
  throw new CodedError(
    'BMSUserErrorPolicyObjectInUse',
    `Policy ${policy.name} cannot be deleted: ${users.length} backup item(s) use it.`,
    { target: policy.name, details: users.map(blocker), recommendations: ['Give these items another policy first.'] },
  );
};

/** Errors: StorageModelModifyError once the vault has items. */
export const assertRedundancyChange = (vault: Vault, to: StorageRedundancy, hasItems: boolean): void => {
  if (vault.redundancy === to || !hasItems) return;
  throw new CodedError(
    'StorageModelModifyError',
    'Storage Redundancy option is locked when the first machine is registered with the vault, and cannot be modified thereafter.',
    { target: 'standardTierStorageRedundancy', recommendations: ['Make another vault with the redundancy you need.'] },
  );
};

/** Legal: Disabled ↔ Unlocked → Locked. Errors: UserErrorUnsupportedVaultImmutabilityStateChange. */
export const assertImmutabilityChange = (from: Immutability, to: Immutability): void => {
  if (from === to || NEXT_IMMUTABILITY[from].includes(to)) return;
  throw new CodedError(
    'UserErrorUnsupportedVaultImmutabilityStateChange',
    `The immutability of the vault is ${from}; it cannot become ${to}. Legal: ${NEXT_IMMUTABILITY[from].join(', ') || 'none, locked is final'}.`,
    { target: 'securitySettings.immutabilitySettings.state' },
  );
};

const NEXT_IMMUTABILITY: Readonly<Record<Immutability, readonly Immutability[]>> = {
  Disabled: ['Unlocked'],
  Unlocked: ['Disabled', 'Locked'],
  Locked: [],
};

const blocker = (item: ProtectedItem) => ({
  code: item.softDelete === undefined ? item.protectionState : 'SoftDeleted',
  message: containerName(item),
  target: item.sourceResourceId,
});
