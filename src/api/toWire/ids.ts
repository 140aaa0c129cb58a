import type { Vault } from '../../vault/vault.ts';

/**
 * ARM ids as az greps them: the casing of the fixed parts is part of the contract.
 * Names keep the casing they were created with.
 */
export const groupId = (subscriptionId: string, group: string): string =>
  `/subscriptions/${subscriptionId}/resourceGroups/${group}`;

export const vaultId = (subscriptionId: string, group: string, vault: string): string =>
  `${groupId(subscriptionId, group)}/providers/Microsoft.RecoveryServices/vaults/${vault}`;

/** The ARM id of a vault. */
export const armIdOf = (vault: Pick<Vault, 'subscriptionId' | 'resourceGroup' | 'name'>): string =>
  vaultId(vault.subscriptionId, vault.resourceGroup, vault.name);

export const machineId = (subscriptionId: string, group: string, machine: string): string =>
  `${groupId(subscriptionId, group)}/providers/Microsoft.Compute/virtualMachines/${machine}`;

export const policyId = (vault: string, policy: string): string => `${vault}/backupPolicies/${policy}`;

export const containerId = (vault: string, container: string): string =>
  `${vault}/backupFabrics/Azure/protectionContainers/${container}`;

export const jobId = (vault: string, job: string): string => `${vault}/backupJobs/${job}`;

export interface ResourceParts {
  readonly subscription: string;
  readonly resourceGroup: string;
  readonly name: string;
}

const MACHINE =
  /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Compute\/virtualMachines\/([^/]+)\/?$/i;
const POLICY =
  /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/Microsoft\.RecoveryServices\/vaults\/([^/]+)\/backupPolicies\/([^/]+)\/?$/i;

/** undefined: not the id of a virtual machine. */
export function parseMachineId(id: string): ResourceParts | undefined {
  const parts = MACHINE.exec(id);
  return parts ? { subscription: parts[1]!, resourceGroup: parts[2]!, name: parts[3]! } : undefined;
}

/** undefined: not the id of a backup policy. */
export function parsePolicyId(id: string): (ResourceParts & { readonly vault: string }) | undefined {
  const parts = POLICY.exec(id);
  return parts ? { subscription: parts[1]!, resourceGroup: parts[2]!, vault: parts[3]!, name: parts[4]! } : undefined;
}

export const sameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
