import { DAY_MS } from '../lib/clock.ts';
import { CodedError, type ErrorDetail } from '../lib/error.ts';
import { type DiskRequest, withDisks } from './diskSelection.ts';
import type { JobOperation } from './job.ts';
import { itemName } from './names.ts';
import type { Policy, PolicyRules } from './policy.ts';
import { assertRetentionKept, reductions } from './policyChange.ts';
import type { FormerRules, LastBackup, ProtectedItem } from './protectedItem.ts';
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
export interface ProtectionRequest extends DiskRequest {
  /** The policy that `policyId` names; absent for '' or none. */
  readonly policy?: Policy;
  /** The policy the item has now. */
  readonly currentPolicy?: Policy;
  /** As it was sent; '' and absent are the same. */
  readonly protectionState?: string;
  readonly isRehydrate?: boolean;
}

/** The item after a change, and the ARM job that records it. */
export interface ProtectionChange {
  readonly item: ProtectedItem;
  readonly operation: JobOperation;
  /** Rules under which its points will be kept for a shorter time than before; empty when there are none. */
  readonly shortened: readonly ErrorDetail[];
  /** The schedule begins anew: it was not scheduled before, or by another policy. */
  readonly isRescheduled: boolean;
  /** From a standard policy to an enhanced one, for good: nothing may be under way, and a backup follows. */
  readonly isMigration: boolean;
}

/** What most changes are not. */
const QUIET = { shortened: [], isRescheduled: false, isMigration: false } as const;
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
  return { ...QUIET, item: withDisks(item, request), operation: 'ConfigureBackup', isRescheduled: true };
};

/**
 * Decides what a PUT on an existing item means: undelete, stop with retain, suspend, resume, change of policy or disks.
 * Errors: BMSUserErrorInvalidConfigureProtectionRequest, UserErrorOperationDeniedOnImmutableItem,
 * UserErrorItemSoftDeleted, BMSUserErrorConflictingProtectionOperation (it is being purged).
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
  const { currentPolicy } = request;
  if (asked === 'ProtectionStopped')
    return { ...QUIET, item: stopped(item, currentPolicy, now), operation: 'DisableBackup' };
  if (asked === 'BackupsSuspended') return { ...QUIET, item: suspended(vault, item, now), operation: 'DisableBackup' };
  return protectedAgain(vault, item, request, now);
};

/**
 * Stops protection with deletion of data: the item is scheduled for deletion, its data stay until then. In an immutable
 * vault only an item goes that holds nothing back: no points, or such alone that its rules keep no longer.
 * Errors: UserErrorOperationDeniedOnImmutableItem, UserErrorItemSoftDeleted (already scheduled).
 */
export const softDeleteItem = (
  vault: Vault,
  item: ProtectedItem,
  now: number,
  {
    currentPolicy,
    holdsPoints = true,
  }: {
    readonly currentPolicy?: Policy | undefined;
    /** Whether a rule still keeps any of its points. */
    readonly holdsPoints?: boolean;
  } = {},
): ProtectionChange => {
  if (item.softDelete !== undefined) throw softDeleted(item);
  if (vault.immutability !== 'Disabled' && holdsPoints) {
    throw new CodedError(
      'UserErrorOperationDeniedOnImmutableItem',
      'The Vault and Backup Item is immutable, hence operation is denied. Protection cannot be stopped with deletion of the backup data before the recovery points have expired.',
      {
        target: itemName(item),
        recommendations: [
          'Stop protection and retain the data instead, for ever (ProtectionStopped) or as the policy says (BackupsSuspended).',
        ],
      },
    );
  }
  const retentionDays = vault.softDeleteRetentionDays;
  const softDelete = { deletedAt: now, retentionDays, purgeAt: now + retentionDays * DAY_MS };
  return { ...QUIET, item: { ...stopped(item, currentPolicy, now), softDelete }, operation: 'DeleteBackupData' };
};

export const isPurgeDue = (item: ProtectedItem, now: number): boolean =>
  item.softDelete !== undefined && item.softDelete.purgeAt <= now;

/** What lists show and filter: whether the last backup wants something done. */
export const healthOf = (item: Pick<ProtectedItem, 'lastBackup'>): 'Passed' | 'ActionRequired' =>
  item.lastBackup?.status === 'Failed' ? 'ActionRequired' : 'Passed';

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
  const { softDelete, ...rest } = item;
  if (softDelete?.purgingSince !== undefined) {
    throw new CodedError(
      'BMSUserErrorConflictingProtectionOperation',
      `Another configure protection operation is in progress for this item: the retention of the deleted data is over, and their removal has begun.`,
      { target: itemName(item), recommendations: ['Protect the machine anew once the item is gone.'] },
    );
  }
  return { ...QUIET, item: { ...rest, protectionState: 'ProtectionStopped', updatedAt: now }, operation: 'Undelete' };
};

/** The rules it was kept under stay with it: resuming is measured against them. */
const stopped = (item: ProtectedItem, currentPolicy: Policy | undefined, now: number): ProtectedItem => {
  const { policyId: _, ...rest } = item;
  const formerRules = currentPolicy ? rulesOf(currentPolicy) : item.formerRules;
  return { ...rest, protectionState: 'ProtectionStopped', ...(formerRules && { formerRules }), updatedAt: now };
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

const protectedAgain = (
  vault: Vault,
  item: ProtectedItem,
  request: ProtectionRequest,
  now: number,
): ProtectionChange => {
  const wasActive = isActivelyProtected(item);
  const onlyDisks = request.policy === undefined && request.disks !== undefined && wasActive;
  const policy = onlyDisks ? undefined : policyOf(vault, request);
  const before: FormerRules | undefined = request.currentPolicy ?? item.formerRules;
  const isOther = policy !== undefined && policy.id !== item.policyId;
  const shortened = policy && isOther && before ? reductions(asRules(before, policy), policy) : [];
  if (policy && isOther && before) {
    if (before.policyType === 'V2' && policy.policyType === 'V1') {
      throw refused(
        'policyId',
        `policyId names ${policy.name}, a policy of type V1; an item that was under a V2 policy stays with V2 policies.`,
      );
    }
    assertRetentionKept(vault, asRules(before, policy), policy);
  }
  const resumed = item.lastBackup?.status === 'Completed' ? 'Protected' : 'IRPending';
  const { formerRules: _, ...rest } = item;
  const changed: ProtectedItem = {
    ...rest,
    ...(policy && { policyId: policy.id }),
    protectionState: wasActive ? item.protectionState : resumed,
    updatedAt: now,
  };
  return {
    item: withDisks(changed, request),
    operation: 'ConfigureBackup',
    shortened,
    isRescheduled: !wasActive || isOther,
    isMigration: isOther && before?.policyType === 'V1' && policy.policyType === 'V2',
  };
};

const rulesOf = ({ policyType, retention, instantRestoreDays }: Policy): FormerRules => ({
  policyType,
  retention,
  instantRestoreDays,
});

/** Retention is compared, and of the former rules nothing else is known. */
const asRules = (former: FormerRules, like: PolicyRules): PolicyRules => ({ ...like, ...rulesOf(former as Policy) });

const policyOf = (vault: Vault, request: ProtectionRequest): Policy => {
  if (request.policy?.vaultId === vault.id) return request.policy;
  throw refused('policyId', 'policyId is required: the ARM id of a backup policy of this vault.');
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
