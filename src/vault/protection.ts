import { CodedError } from '../lib/error.ts';
import type { JobOperation } from './job.ts';
import { itemName } from './names.ts';
import type { Policy } from './policy.ts';
import { assertRetentionKept } from './policyChange.ts';
import type { DiskSelection, LastBackup, ProtectedItem } from './protectedItem.ts';
import type { Vault } from './vault.ts';

/** The machine an item stands for. */
export interface ProtectedMachine {
  readonly host: string;
  readonly resourceGroup: string;
  readonly vmName: string;
  readonly vmId: string;
  readonly sourceResourceId: string;
}

/** What a PUT on a protected item asks for. */
export interface ProtectionRequest {
  /** The policy that `policyId` names; absent for '' or none. */
  readonly policy?: Policy;
  /** The policy the item has now. */
  readonly currentPolicy?: Policy;
  /** As it was sent; '' and absent are the same. */
  readonly protectionState?: string;
  readonly isRehydrate?: boolean;
  /** `null` goes back to all disks; absent leaves it as it is. */
  readonly disks?: DiskSelection | null;
}

/** The item after a change, and the ARM job that records it. */
export interface ProtectionChange {
  readonly item: ProtectedItem;
  readonly operation: JobOperation;
}

const DAY_MS = 86_400_000;
const OS_DISK_LUN = -1;
const STATES_TO_ASK_FOR = ['Protected', 'ProtectionStopped', 'BackupsSuspended'];

/** Begins protection. Errors: BMSUserErrorInvalidConfigureProtectionRequest. */
export const enableProtection = (
  vault: Vault,
  machine: ProtectedMachine,
  request: ProtectionRequest,
  given: { readonly id: string; readonly now: number },
): ProtectionChange => {
  if (request.isRehydrate)
    throw refused('isRehydrate', 'isRehydrate is only legal for a soft-deleted item; this machine has none.');
  if (asksFor(request) !== 'Protected')
    throw refused('protectionState', 'protectionState must be absent or Protected: the machine is not protected yet.');
  const policy = policyOf(vault, request);
  const item: ProtectedItem = {
    id: given.id,
    vaultId: vault.id,
    ...machine,
    protectionState: 'IRPending',
    policyId: policy.id,
    createdAt: given.now,
    updatedAt: given.now,
  };
  return { item: withDisks(item, request.disks), operation: 'ConfigureBackup' };
};

/**
 * Decides what a PUT on an existing item means: undelete, stop with retain, suspend, resume, change of policy or disks.
 * Errors: BMSUserErrorInvalidConfigureProtectionRequest, UserErrorOperationDeniedOnImmutableItem.
 */
export const changeProtection = (
  vault: Vault,
  item: ProtectedItem,
  request: ProtectionRequest,
  now: number,
): ProtectionChange => {
  if (item.softDelete !== undefined) return undelete(item, request, now);
  if (request.isRehydrate)
    throw refused('isRehydrate', 'isRehydrate is only legal for a soft-deleted item; this one is not.');
  const asked = asksFor(request);
  if (asked === 'ProtectionStopped') return { item: stopped(item, now), operation: 'DisableBackup' };
  if (asked === 'BackupsSuspended') return { item: suspended(vault, item, now), operation: 'DisableBackup' };
  return { item: protectedAgain(vault, item, request, now), operation: 'ConfigureBackup' };
};

/**
 * Stops protection with deletion of data: the item is scheduled for deletion, its data stay until then.
 * Errors: UserErrorOperationDeniedOnImmutableItem, UserErrorItemSoftDeleted (already scheduled).
 */
export const softDeleteItem = (vault: Vault, item: ProtectedItem, now: number): ProtectionChange => {
  if (item.softDelete !== undefined) throw softDeleted(item);
  if (vault.immutability !== 'Disabled') {
    throw new CodedError(
      'UserErrorOperationDeniedOnImmutableItem',
      'The vault is immutable: protection cannot be stopped with deletion of the backup data.',
      { target: itemName(item), recommendations: ['Stop protection and retain the data instead.'] },
    );
  }
  const retentionDays = vault.softDeleteRetentionDays;
  const softDelete = { deletedAt: now, retentionDays, purgeAt: now + retentionDays * DAY_MS };
  return { item: { ...stopped(item, now), softDelete }, operation: 'DeleteBackupData' };
};

export const isPurgeDue = (item: ProtectedItem, now: number): boolean =>
  item.softDelete !== undefined && item.softDelete.purgeAt <= now;

/** Backups run. */
export const isActivelyProtected = (item: ProtectedItem): boolean =>
  item.softDelete === undefined &&
  (item.protectionState === 'IRPending' ||
    item.protectionState === 'Protected' ||
    item.protectionState === 'ProtectionError');

/** Nothing of the item expires: stopped with its data retained, or soft-deleted. */
export const isRetentionPaused = (item: ProtectedItem): boolean =>
  item.softDelete !== undefined || item.protectionState === 'ProtectionStopped';

/** Errors: UserErrorBcmDatasourceNotPresent. */
export const assertCanBackUp = (item: ProtectedItem): void => {
  if (isActivelyProtected(item) && item.policyId !== undefined) return;
  throw new CodedError(
    'UserErrorBcmDatasourceNotPresent',
    'Backup failed: This virtual machine is not (actively) protected by Azure Backup',
    { target: itemName(item), recommendations: ['Resume protection with a policy, then back up.'] },
  );
};

/** Errors: UserErrorItemSoftDeleted. */
export const assertCanRestore = (item: ProtectedItem): void => {
  if (item.softDelete !== undefined) throw softDeleted(item);
};

/** The item after a backup ended. */
export const afterBackup = (item: ProtectedItem, lastBackup: LastBackup, now: number): ProtectedItem => ({
  ...item,
  lastBackup,
  ...(item.protectionState === 'IRPending' && lastBackup.status === 'Completed' && { protectionState: 'Protected' }),
  updatedAt: now,
});

/** The OS disk always is. */
export const isDiskIncluded = (disks: DiskSelection | undefined, lun: number): boolean =>
  disks === undefined || lun === OS_DISK_LUN || disks.luns.includes(lun) === disks.isInclusionList;

const asksFor = (request: ProtectionRequest): string => {
  const asked = request.protectionState || 'Protected';
  const state = STATES_TO_ASK_FOR.find((one) => one.toLowerCase() === asked.toLowerCase());
  // A client that sends back what it read asks for no change of state.
  if (asked === 'IRPending' || asked === 'ProtectionError') return 'Protected';
  if (state !== undefined) return state;
  throw refused(
    'protectionState',
    `protectionState is '${asked}'; it must be absent or one of ${STATES_TO_ASK_FOR.join(', ')}.`,
  );
};

const undelete = (item: ProtectedItem, request: ProtectionRequest, now: number): ProtectionChange => {
  if (!request.isRehydrate) throw softDeleted(item);
  const { softDelete: _, ...rest } = item;
  return { item: stopped(rest, now), operation: 'Undelete' };
};

const stopped = (item: ProtectedItem, now: number): ProtectedItem => {
  const { policyId: _, ...rest } = item;
  return { ...rest, protectionState: 'ProtectionStopped', updatedAt: now };
};

/** Retain as the policy says: it goes on thinning out the points, so the item keeps it. */
const suspended = (vault: Vault, item: ProtectedItem, now: number): ProtectedItem => {
  if (vault.immutability === 'Disabled') {
    throw new CodedError(
      'UserErrorOperationDeniedOnImmutableItem',
      'protectionState BackupsSuspended is only legal in an immutable vault; this one is not.',
      { target: 'protectionState', recommendations: ['Use ProtectionStopped to stop and retain the data.'] },
    );
  }
  if (item.policyId === undefined)
    throw refused('policyId', 'policyId is required to retain as per policy; the item has none.');
  return { ...item, protectionState: 'BackupsSuspended', updatedAt: now };
};

const protectedAgain = (vault: Vault, item: ProtectedItem, request: ProtectionRequest, now: number): ProtectedItem => {
  const onlyDisks = request.policy === undefined && request.disks !== undefined && isActivelyProtected(item);
  const policy = onlyDisks ? undefined : policyOf(vault, request);
  const { currentPolicy } = request;
  if (policy && currentPolicy && policy.id !== currentPolicy.id) {
    if (currentPolicy.policyType === 'V2' && policy.policyType === 'V1') {
      throw refused(
        'policyId',
        `policyId names ${policy.name}, a policy of type V1; an item under a V2 policy stays with V2 policies.`,
      );
    }
    assertRetentionKept(vault, currentPolicy, policy);
  }
  const resumed = item.lastBackup?.status === 'Completed' ? 'Protected' : 'IRPending';
  const changed: ProtectedItem = {
    ...item,
    ...(policy && { policyId: policy.id }),
    protectionState: isActivelyProtected(item) ? item.protectionState : resumed,
    updatedAt: now,
  };
  return withDisks(changed, request.disks);
};

const policyOf = (vault: Vault, request: ProtectionRequest): Policy => {
  if (request.policy?.vaultId === vault.id) return request.policy;
  throw refused('policyId', 'policyId is required: the ARM id of a backup policy of this vault.');
};

const withDisks = (item: ProtectedItem, disks: DiskSelection | null | undefined): ProtectedItem => {
  if (disks === undefined) return item;
  const { disks: _, ...rest } = item;
  if (disks === null) return rest;
  const target = 'extendedProperties.diskExclusionProperties.diskLunList';
  if (disks.luns.some((lun) => !Number.isSafeInteger(lun) || lun < 0 || lun > 63)) {
    throw refused(
      target,
      `${target} must hold LUNs of data disks, whole numbers from 0 to 63; the OS disk is always backed up.`,
    );
  }
  return { ...rest, disks };
};

const refused = (target: string, message: string): CodedError =>
  new CodedError('BMSUserErrorInvalidConfigureProtectionRequest', message, { target });

const softDeleted = (item: ProtectedItem): CodedError =>
  new CodedError(
    'UserErrorItemSoftDeleted',
    `The backup item ${itemName(item)} is soft-deleted: its data wait for their purge.`,
    {
      target: itemName(item),
      recommendations: ['Undelete it first (isRehydrate: true), then resume protection with a policy.'],
    },
  );
