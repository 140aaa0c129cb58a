import { containerName, itemIdName, type MachineName } from './names.ts';
import type { Vault } from './vault.ts';

/**
 * ARM ids as az greps them: the casing of the fixed parts is part of the contract.
 * Names keep the casing they were created with.
 */
export const groupArmId = (subscriptionId: string, group: string): string =>
  `/subscriptions/${subscriptionId}/resourceGroups/${group}`;

/** Of a type of two words: 'Microsoft.Compute/disks'. */
export const resourceArmId = (subscriptionId: string, group: string, type: string, name: string): string =>
  `${groupArmId(subscriptionId, group)}/providers/${type}/${name}`;

export const machineArmId = (subscriptionId: string, group: string, machine: string): string =>
  resourceArmId(subscriptionId, group, 'Microsoft.Compute/virtualMachines', machine);

export const vaultArmId = (vault: Pick<Vault, 'subscriptionId' | 'resourceGroup' | 'name'>): string =>
  resourceArmId(vault.subscriptionId, vault.resourceGroup, 'Microsoft.RecoveryServices/vaults', vault.name);

// `vault` is the ARM id of a vault from here on

export const policyArmId = (vault: string, policy: string): string => `${vault}/backupPolicies/${policy}`;

export const containerArmId = (vault: string, machine: MachineName): string =>
  `${vault}/backupFabrics/Azure/protectionContainers/${containerName(machine)}`;

export const itemArmId = (vault: string, machine: MachineName): string =>
  `${containerArmId(vault, machine)}/protectedItems/${itemIdName(machine)}`;

export const jobArmId = (vault: string, job: string): string => `${vault}/backupJobs/${job}`;
