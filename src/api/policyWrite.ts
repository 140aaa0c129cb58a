import type { ArmContext } from '../arm/route.ts';
import { raiseAlert } from '../db/alerts.ts';
import { restartSchedulesOfPolicy } from '../db/itemSchedule.ts';
import { recordEndedJob } from '../db/jobs.ts';
import { countOperations } from '../db/operations.ts';
import { countPolicies, deletePolicy, findPolicy, listItemsOfPolicy, putPolicy } from '../db/policies.ts';
import type { Queries } from '../db/schema.ts';
import { DAY_MS } from '../lib/clock.ts';
import { CodedError } from '../lib/error.ts';
import { policyArmId, vaultArmId } from '../vault/armIds.ts';
import { DEFAULT_POLICY_NAME, defaultPolicy, ENHANCED_POLICY_NAME, enhancedPolicy } from '../vault/defaultPolicies.ts';
import { shortContainerName } from '../vault/names.ts';
import type { Policy, PolicyRules } from '../vault/policy.ts';
import { assertPolicyChange } from '../vault/policyChange.ts';
import { assertNoneSuspended, type PolicyEffect, policyEffect } from '../vault/policyEffect.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import type { Vault } from '../vault/vault.ts';
import { assertPolicyDeletable } from '../vault/vaultRules.ts';
import { sameName } from './ids.ts';
import { requireVault, type VaultParams } from './lookups.ts';
import { demandSecondConsent } from './multiUser.ts';
import { recordOperation } from './operationRecords.ts';
import type { Services } from './services.ts';

/** Of the items that an error names. */
const NAMED_ITEMS = 10;

export interface PolicyWrite {
  readonly vault: Vault;
  readonly policy: Policy;
  /** Under which the change of its items can be polled; absent when no item was touched. */
  readonly operation?: string;
}

/**
 * Makes a policy or changes it for all its items: one job each, their schedules begin anew, their points are judged
 * again. What asks for the rules the policy has changes nothing.
 * Errors: those of the rules, of an immutable or guarded vault, UserErrorPolicyLimitReached.
 */
export const writePolicy = (
  services: Services,
  context: ArmContext<VaultParams & { readonly policyName: string }>,
  rules: PolicyRules,
  consents: readonly string[] | undefined,
): Promise<PolicyWrite> =>
  services.db.transaction(async (tx) => {
    const now = services.clock.now();
    const vault = await requireVault(services, context.params, tx);
    const before = await findPolicy(tx, vault.id, context.params.policyName);
    if (!before) return { vault, policy: await makePolicy(services, tx, vault, context.params.policyName, rules, now) };
    assertPolicyChange(vault, before, rules);
    const effect = policyEffect(before, rules);
    const { id, vaultId, name, createdAt } = before;
    const after = { ...rules, id, vaultId, name, createdAt };
    if (effect.isSame) {
      const policy = { ...after, version: before.version, updatedAt: before.updatedAt };
      if (before.referenceDate !== rules.referenceDate) await putPolicy(tx, policy);
      return { vault, policy };
    }
    await requireWritesLeft(services, tx, vault, now);
    if (effect.isWeaker) await demandSecondConsent(tx, context, vault, 'updatePolicy', consents);
    const suspended = await listItemsOfPolicy(tx, id, { state: 'BackupsSuspended', limit: NAMED_ITEMS });
    assertNoneSuspended(
      effect,
      suspended.map(({ vmName }) => vmName),
    );
    const policy = { ...after, version: before.version + 1, updatedAt: now };
    await putPolicy(tx, policy);
    const operation = await applyToItems(tx, vault, policy, { by: context.principal.objectId, now });
    await tellOfShorterRetention(tx, policy, effect, now);
    return { vault, policy, ...(operation === undefined ? {} : { operation }) };
  });

/**
 * Deletes a policy that no item uses; false when there is none. The two that every vault has come back at once, with
 * the rules they began with. Errors: BMSUserErrorPolicyObjectInUse.
 */
export const removePolicy = (services: Services, params: VaultParams & { readonly policyName: string }) =>
  services.db.transaction(async (tx): Promise<boolean> => {
    const vault = await requireVault(services, params, tx);
    const policy = await findPolicy(tx, vault.id, params.policyName);
    if (!policy) return false;
    assertPolicyDeletable(policy, await listItemsOfPolicy(tx, policy.id));
    await deletePolicy(tx, policy.id);
    const now = services.clock.now();
    const fresh = sameName(policy.name, DEFAULT_POLICY_NAME)
      ? defaultPolicy(now)
      : sameName(policy.name, ENHANCED_POLICY_NAME)
        ? enhancedPolicy(now)
        : undefined;
    if (fresh) await putPolicy(tx, newPolicy(vault, policy.name, fresh, now));
    return true;
  });

const makePolicy = async (
  services: Services,
  tx: Queries,
  vault: Vault,
  name: string,
  rules: PolicyRules,
  now: number,
): Promise<Policy> => {
  const most = services.config.limits.policiesInVault;
  const count = await countPolicies(tx, vault.id);
  if (count >= most) {
    throw new CodedError(
      'UserErrorPolicyLimitReached',
      `The vault '${vault.name}' has ${count} policies; at most ${most} are possible.`,
      { target: 'policyName', recommendations: ['Delete a policy that no item uses, or use another vault.'] },
    );
  }
  await requireWritesLeft(services, tx, vault, now);
  const policy = newPolicy(vault, name, rules, now);
  await putPolicy(tx, policy);
  await recordOperation(tx, { scope: policyArmId(vaultArmId(vault), name), vaultId: vault.id, now });
  return policy;
};

const newPolicy = (vault: Vault, name: string, rules: PolicyRules, now: number): Policy => ({
  ...rules,
  ...{ id: crypto.randomUUID(), vaultId: vault.id, name, version: 1, createdAt: now, updatedAt: now },
});

/** Errors: UserErrorPolicyLimitReached. */
const requireWritesLeft = async (services: Services, tx: Queries, vault: Vault, now: number): Promise<void> => {
  const most = services.config.limits.policyWritesInDay;
  const count = await countOperations(tx, vault.id, { under: '/backupPolicies/', since: now - DAY_MS });
  if (count < most) return;
  throw new CodedError(
    'UserErrorPolicyLimitReached',
    `Policies of the vault '${vault.name}' were made or changed ${count} times in 24 hours; at most ${most} times are possible.`,
    { target: 'policyName', recommendations: ['Try again tomorrow, or raise the limit policyWritesInDay.'] },
  );
};

/** One job each; items whose backups are suspended are passed over. The operation that names the jobs, if any. */
const applyToItems = async (
  tx: Queries,
  vault: Vault,
  policy: Policy,
  { by, now }: { readonly by: string; readonly now: number },
): Promise<string | undefined> => {
  const items = (await listItemsOfPolicy(tx, policy.id)).filter(isFollowing);
  const jobIds: string[] = [];
  for (const item of items) {
    const job = {
      ...{ vaultId: vault.id, itemId: item.id, operation: 'ConfigureBackup' as const, isUserTriggered: true },
      ...{ entityFriendlyName: item.vmName, containerName: shortContainerName(item), startedBy: by, startTime: now },
      propertyBag: { 'VM Name': item.vmName, 'Policy Name': policy.name },
    };
    jobIds.push((await recordEndedJob(tx, job, { status: 'Completed', endTime: now })).id);
  }
  await restartSchedulesOfPolicy(tx, policy.id, now);
  const properties = { objectType: 'OperationStatusJobsExtendedInfo', jobIds, failedJobsError: {} };
  const scope = policyArmId(vaultArmId(vault), policy.name);
  const operation = await recordOperation(tx, { scope, vaultId: vault.id, now, properties });
  return items.length === 0 ? undefined : operation;
};

const isFollowing = (item: ProtectedItem): boolean =>
  item.protectionState !== 'BackupsSuspended' && item.softDelete === undefined;

const tellOfShorterRetention = async (
  tx: Queries,
  policy: Policy,
  { shortened }: PolicyEffect,
  at: number,
): Promise<void> => {
  if (shortened.length === 0) return;
  await raiseAlert(tx, {
    kind: 'ModifyPolicyWithShorterRetention',
    vaultId: policy.vaultId,
    about: policy.name,
    description: `The policy ${policy.name} keeps recovery points for a shorter time, or fewer of them, than before: ${shortened.map(({ target }) => target).join(', ')}.`,
    at,
  });
};
