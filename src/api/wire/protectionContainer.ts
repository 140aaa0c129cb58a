import type { Resource } from './resource.ts';

/** `name` is `IaasVMContainer;iaasvmcontainerv2;{group};{machine}`. */
export type ProtectionContainer = Resource<
  'Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers',
  ProtectionContainerProperties
>;

export type RegistrationStatus = 'Registered' | 'NotRegistered' | 'SoftDeleted';

export interface ProtectionContainerProperties {
  readonly containerType: 'Microsoft.Compute/virtualMachines';
  readonly backupManagementType: 'AzureIaasVM';
  readonly friendlyName: string;
  readonly registrationStatus: RegistrationStatus;
  readonly healthStatus?: string | undefined;
  readonly protectableObjectType?: 'Microsoft.Compute/virtualMachines' | undefined;
  readonly virtualMachineId: string;
  readonly virtualMachineVersion: 'Compute';
  readonly resourceGroup: string;
}
