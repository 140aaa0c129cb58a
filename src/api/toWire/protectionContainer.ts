import { containerArmId, machineArmId, vaultArmId } from '../../vault/armIds.ts';
import { containerName, type MachineName } from '../../vault/names.ts';
import type { ProtectedItem } from '../../vault/protectedItem.ts';
import type { Vault } from '../../vault/vault.ts';
import type { ProtectionContainer, RegistrationStatus } from '../wire/protectionContainer.ts';

/** A machine's container is there as long as its item is. */
export const protectionContainerToWire = (vault: Vault, item: ProtectedItem): ProtectionContainer =>
  machineContainerToWire(vault, item, item.softDelete ? 'SoftDeleted' : 'Registered');

export const machineContainerToWire = (
  vault: Vault,
  machine: MachineName,
  registrationStatus: RegistrationStatus,
): ProtectionContainer => ({
  id: containerArmId(vaultArmId(vault), machine),
  name: containerName(machine),
  type: 'Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers',
  properties: {
    containerType: 'Microsoft.Compute/virtualMachines',
    backupManagementType: 'AzureIaasVM',
    friendlyName: machine.vmName,
    registrationStatus,
    healthStatus: 'Healthy',
    protectableObjectType: 'Microsoft.Compute/virtualMachines',
    virtualMachineId: machineArmId(vault.subscriptionId, machine.resourceGroup, machine.vmName),
    virtualMachineVersion: 'Compute',
    resourceGroup: machine.resourceGroup,
  },
});
