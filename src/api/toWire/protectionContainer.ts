import { containerName } from '../../vault/names.ts';
import type { ProtectedItem } from '../../vault/protectedItem.ts';
import type { Vault } from '../../vault/vault.ts';
import type { ProtectionContainer } from '../wire/protectionContainer.ts';
import { armIdOf, containerId, machineId } from './ids.ts';

/** A machine's container is there as long as its item is. */
export const protectionContainerToWire = (vault: Vault, item: ProtectedItem): ProtectionContainer => ({
  id: containerId(armIdOf(vault), containerName(item)),
  name: containerName(item),
  type: 'Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers',
  properties: {
    containerType: 'Microsoft.Compute/virtualMachines',
    backupManagementType: 'AzureIaasVM',
    friendlyName: item.vmName,
    registrationStatus: item.softDelete ? 'SoftDeleted' : 'Registered',
    healthStatus: 'Healthy',
    protectableObjectType: 'Microsoft.Compute/virtualMachines',
    virtualMachineId: machineId(vault.subscriptionId, item.resourceGroup, item.vmName),
    virtualMachineVersion: 'Compute',
    resourceGroup: item.resourceGroup,
  },
});
