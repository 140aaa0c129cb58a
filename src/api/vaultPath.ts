/** Paths that the tables of the backup provider share. */
export const VAULT_PATH =
  '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.RecoveryServices/vaults/{vaultName}';

export const CONTAINER_PATH = `${VAULT_PATH}/backupFabrics/{fabricName}/protectionContainers/{containerName}` as const;

export const ITEM_PATH = `${CONTAINER_PATH}/protectedItems/{protectedItemName}` as const;
