import { containerArmId, machineArmId, vaultArmId } from '../../vault/armIds.ts';
import { itemIdName, type MachineName, shortContainerName } from '../../vault/names.ts';
import type { Vault } from '../../vault/vault.ts';
import type { ProtectableItem } from '../wire/protectableItem.ts';

export const protectableItemToWire = (vault: Vault, machine: MachineName): ProtectableItem => ({
  id: `${containerArmId(vaultArmId(vault), machine)}/protectableItems/${itemIdName(machine)}`,
  name: shortContainerName(machine),
  type: 'Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectableItems',
  properties: {
    protectableItemType: 'Microsoft.Compute/virtualMachines',
    backupManagementType: 'AzureIaasVM',
    workloadType: 'VM',
    friendlyName: machine.vmName,
    protectionState: 'NotProtected',
    virtualMachineId: machineArmId(vault.subscriptionId, machine.resourceGroup, machine.vmName),
    virtualMachineVersion: 'Compute',
    resourceGroup: machine.resourceGroup,
  },
});
