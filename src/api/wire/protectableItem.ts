import type { Resource } from './resource.ts';

/** A machine that is not protected yet; `name` is `iaasvmcontainerv2;{group};{machine}`. */
export type ProtectableItem = Resource<
  'Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectableItems',
  ProtectableItemProperties
>;

export interface ProtectableItemProperties {
  readonly protectableItemType: 'Microsoft.Compute/virtualMachines';
  readonly backupManagementType: 'AzureIaasVM';
  readonly workloadType?: 'VM' | undefined;
  readonly friendlyName: string;
  readonly protectionState: 'NotProtected' | 'Protecting' | 'Protected';
  readonly virtualMachineId: string;
  readonly virtualMachineVersion: 'Compute';
  readonly resourceGroup: string;
}
