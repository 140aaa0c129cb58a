import type { Resource } from './resource.ts';

/** The wish that a machine be protected; `name` is `vm;iaasvmcontainerv2;{group};{machine}`. */
export type ProtectionIntent = Resource<
  'Microsoft.RecoveryServices/vaults/backupFabrics/backupProtectionIntent',
  ProtectionIntentProperties
>;

export interface ProtectionIntentProperties {
  readonly protectionIntentItemType: 'AzureResourceItem';
  readonly backupManagementType: 'AzureIaasVM';
  readonly friendlyName: string;
  readonly sourceResourceId: string;
  readonly itemId: string;
  /** Empty when protection is stopped. */
  readonly policyId: string;
  readonly protectionState: 'NotProtected' | 'Protecting' | 'Protected' | 'ProtectionFailed';
}
