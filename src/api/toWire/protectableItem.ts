import { containerName, itemIdName, type MachineName, shortContainerName } from '../../vault/names.ts';
import type { Vault } from '../../vault/vault.ts';
import type { ProtectableItem } from '../wire/protectableItem.ts';
import { armIdOf, containerId, machineId } from './ids.ts';

export const protectableItemToWire = (vault: Vault, machine: MachineName): ProtectableItem => ({
  id: `${containerId(armIdOf(vault), containerName(machine))}/protectableItems/${itemIdName(machine)}`,
  name: shortContainerName(machine),
  type: 'Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectableItems',
  properties: {
    protectableItemType: 'Microsoft.Compute/virtualMachines',
    backupManagementType: 'AzureIaasVM',
    workloadType: 'VM',
    friendlyName: machine.vmName,
    protectionState: 'NotProtected',
    virtualMachineId: machineId(vault.subscriptionId, machine.resourceGroup, machine.vmName),
    virtualMachineVersion: 'Compute',
    resourceGroup: machine.resourceGroup,
  },
});
