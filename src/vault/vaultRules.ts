import { DAY_MS } from '../lib/clock.ts';
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
 * Soft-deleted items do not keep a vault: it is then soft-deleted with them. Errors:
 * ServiceResourceNotEmptyWithContainerDetails naming the containers of the others, BMSUserErrorVaultDeletionNotAllowed
 * while a resource guard protects it.
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
  if (vault.guard === undefined) return;
  throw new CodedError(
    'BMSUserErrorVaultDeletionNotAllowed',
    `The vault '${vault.name}' cannot be deleted while multi-user authorization is enabled on it: it is protected by the resource guard '${vault.guard.guardId}'.`,
    {
      target: vault.name,
      recommendations: ['Remove the resource guard from the vault first: resource-guard-mapping delete.'],
    },
  );
};

/** The vault after its deletion: it can be taken back for as long as its soft delete retention says. */
export const softDeletedVault = (vault: Vault, now: number): Vault & Required<Pick<Vault, 'softDelete'>> => {
  // identities are not restored with a vault, neither is a move remembered
  const { identity: _identity, moved: _moved, ...kept } = vault;
  const softDelete = { deletedAt: now, purgeAt: now + vault.softDeleteRetentionDays * DAY_MS };
  return { ...kept, softDelete, updatedAt: after(vault, now) };
};

/** The vault taken back into a resource group, where it may have another spelling. */
export const undeletedVault = (vault: Vault, resourceGroup: string, now: number): Vault => {
  const { softDelete: _softDelete, ...kept } = vault;
  return { ...kept, resourceGroup, updatedAt: after(vault, now) };
};

/** Of a change: always later than the one before, so that every change has an etag of its own. */
export const after = (vault: Pick<Vault, 'updatedAt'>, now: number): number => Math.max(now, vault.updatedAt + 1);

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
  const message =
    from === 'Locked'
      ? LOCKED
      : `The immutability of the vault is ${from}; it cannot become ${to}. Legal: ${NEXT_IMMUTABILITY[from].join(', ')}.`;
  throw new CodedError('UserErrorUnsupportedVaultImmutabilityStateChange', message, {
    target: 'properties.securitySettings.immutabilitySettings.state',
    ...(from === 'Disabled' && { recommendations: ['Make it Unlocked first; try the vault so, then lock it.'] }),
  });
};

const LOCKED =
  'The immutable vault property for this vault is locked, hence, this setting cannot be disabled. The vault has its immutable vault property enabled and locked, and it can no longer be reverted to a non-immutable vault. Refer to the documentation to learn more: https://aka.ms/AB-ImmutableVaults-States ';

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
