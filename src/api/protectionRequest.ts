import { countItems } from '../db/itemList.ts';
import { findPolicy, getPolicy } from '../db/policies.ts';
import type { Queries } from '../db/schema.ts';
import { CodedError } from '../lib/error.ts';
import { vaultArmId } from '../vault/armIds.ts';
import type { Limits } from '../vault/limits.ts';
import { isSameMachine, type MachineName } from '../vault/names.ts';
import type { Policy } from '../vault/policy.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import type { ProtectionRequest } from '../vault/protection.ts';
import type { Vault } from '../vault/vault.ts';
import type { ItemPut } from './body/protectedItem.ts';
import { parseMachineId, parsePolicyId, sameName } from './ids.ts';

/**
 * The body of a PUT in the words of the vault room. Errors: BMSUserErrorInvalidConfigureProtectionRequest, naming the
 * field and what it may be; UserErrorCrossSubscriptionBackupNotSupported, ProtectedItemsCountExceeded.
 */
export async function protectionRequest(
  tx: Queries,
  limits: Limits,
  vault: Vault,
  machine: MachineName,
  body: ItemPut,
  existing: ProtectedItem | undefined,
): Promise<ProtectionRequest> {
  requireSource(vault, machine, body.sourceResourceId);
  const policy = await policyOf(tx, vault, body.policyId);
  if (policy && policy.id !== existing?.policyId) await requireRoom(tx, limits, vault, policy);
  const currentPolicy = existing?.policyId === undefined ? undefined : await getPolicy(tx, existing.policyId);
  return {
    ...(policy ? { policy } : {}),
    ...(currentPolicy ? { currentPolicy } : {}),
    ...(body.protectionState === undefined ? {} : { protectionState: body.protectionState }),
    ...(body.isRehydrate === undefined ? {} : { isRehydrate: body.isRehydrate }),
    ...disksOf(body.extendedProperties),
  };
}

function requireSource(vault: Vault, machine: MachineName, sourceResourceId: string | undefined): void {
  if (sourceResourceId === undefined || sourceResourceId === '') return;
  const source = parseMachineId(sourceResourceId);
  if (source && !sameName(source.subscription, vault.subscriptionId)) {
    throw new CodedError(
      'UserErrorCrossSubscriptionBackupNotSupported',
      `sourceResourceId names a machine of the subscription '${source.subscription}'; a vault protects machines of its own subscription, '${vault.subscriptionId}'.`,
      { target: 'properties.sourceResourceId' },
    );
  }
  const isMachine = source && isSameMachine(machine, { resourceGroup: source.resourceGroup, vmName: source.name });
  if (isMachine) return;
  throw invalid(
    'properties.sourceResourceId',
    `sourceResourceId '${sourceResourceId}' is not the id of the machine '${machine.vmName}' in the resource group '${machine.resourceGroup}' of this subscription, which the path names.`,
  );
}

async function policyOf(tx: Queries, vault: Vault, policyId: string | undefined): Promise<Policy | undefined> {
  if (policyId === undefined || policyId === '') return undefined;
  const target = 'properties.policyId';
  const parts = parsePolicyId(policyId);
  const prefix = `${vaultArmId(vault)}/backupPolicies/`;
  if (!parts || !policyId.toLowerCase().startsWith(prefix.toLowerCase())) {
    throw invalid(
      target,
      `policyId '${policyId}' is not the id of a policy of this vault, which begins with '${prefix}'.`,
    );
  }
  const policy = await findPolicy(tx, vault.id, parts.name);
  if (policy) return policy;
  throw invalid(
    target,
    `policyId names the policy '${parts.name}', which does not exist in the vault '${vault.name}'.`,
  );
}

/** Errors: ProtectedItemsCountExceeded, in the words of the clients. */
async function requireRoom(tx: Queries, limits: Limits, vault: Vault, policy: Policy): Promise<void> {
  const count = await countItems(tx, { vaultId: vault.id, policyIds: [policy.id] });
  if (count < limits.machinesUnderPolicy) return;
  throw new CodedError(
    'ProtectedItemsCountExceeded',
    `Cannot configure backup for more than ${limits.machinesUnderPolicy} VMs per policy.`,
    {
      target: 'properties.policyId',
      recommendations: ['Make another policy with the same rules, or raise machinesUnderPolicy in STRONGROOM_LIMITS.'],
    },
  );
}

/** `extendedProperties` without a list goes back to all disks; without `extendedProperties` nothing changes. */
function disksOf(extended: ItemPut['extendedProperties']): Pick<ProtectionRequest, 'disks'> {
  if (extended === undefined) return {};
  const list = extended.diskExclusionProperties;
  if (!list) return { disks: null };
  return {
    disks: { isInclusionList: list.isInclusionList, luns: [...new Set(list.diskLunList)].sort((a, b) => a - b) },
  };
}

const invalid = (target: string, message: string): CodedError =>
  new CodedError('BMSUserErrorInvalidConfigureProtectionRequest', message, { target });
