/** Paths that several tables share. */
export const GROUP_PATH = '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}';

export const VAULT_PATH = `${GROUP_PATH}/providers/Microsoft.RecoveryServices/vaults/{vaultName}` as const;

export const POLICY_PATH = `${VAULT_PATH}/backupPolicies/{policyName}` as const;

export const CONTAINER_PATH = `${VAULT_PATH}/backupFabrics/{fabricName}/protectionContainers/{containerName}` as const;

export const ITEM_PATH = `${CONTAINER_PATH}/protectedItems/{protectedItemName}` as const;
