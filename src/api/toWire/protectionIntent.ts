import { itemArmId, machineArmId, policyArmId, vaultArmId } from '../../vault/armIds.ts';
import { itemIdName } from '../../vault/names.ts';
import type { Policy } from '../../vault/policy.ts';
import type { ProtectedItem } from '../../vault/protectedItem.ts';
import type { Vault } from '../../vault/vault.ts';
import type { ProtectionIntent } from '../wire/protectionIntent.ts';
import { protectionStatusOf } from './protectionStatus.ts';

/** What an item's intent shows of it. */
export const protectionIntentToWire = (
  vault: Vault,
  item: ProtectedItem,
  policy: Policy | undefined,
): ProtectionIntent => {
  const vaultId = vaultArmId(vault);
  const name = item.intent ?? itemIdName(item);
  return {
    id: `${vaultId}/backupFabrics/Azure/backupProtectionIntent/${name}`,
    name,
    type: 'Microsoft.RecoveryServices/vaults/backupFabrics/backupProtectionIntent',
    properties: {
      protectionIntentItemType: 'AzureResourceItem',
      backupManagementType: 'AzureIaasVM',
      friendlyName: item.vmName,
      sourceResourceId: machineArmId(vault.subscriptionId, item.resourceGroup, item.vmName),
      itemId: itemArmId(vaultId, item),
      policyId: policy ? policyArmId(vaultId, policy.name) : '',
      protectionState: protectionStatusOf(item),
    },
  };
};
