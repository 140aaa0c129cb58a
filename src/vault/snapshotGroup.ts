import type { Policy } from './policy.ts';
import type { ProtectedItem } from './protectedItem.ts';

/** Collections that one resource group takes, as in Azure; then the next number begins. */
export const MACHINES_IN_GROUP = 600;

/** `AzureBackupRG_{location}_{number}`, or prefix and suffix of the policy around the number. */
export const snapshotGroupName = (
  policy: Pick<Policy, 'instantRPDetails'> | undefined,
  location: string,
  number: number,
): string => {
  const { azureBackupRGNamePrefix: prefix, azureBackupRGNameSuffix: suffix } = policy?.instantRPDetails ?? {};
  const isNamed = typeof prefix === 'string' && prefix !== '';
  return `${isNamed ? prefix : `AzureBackupRG_${location}_`}${number}${isNamed && typeof suffix === 'string' ? suffix : ''}`;
};

/** `AzureBackup_{machine}_{number of the item}`: one for each item, so two vaults never share one. */
export const collectionName = ({ id, vmName }: Pick<ProtectedItem, 'id' | 'vmName'>): string =>
  `AzureBackup_${vmName}_${numberOf(id)}`;

/** Digits alone, from the item's UUID. */
const numberOf = (id: string): string => BigInt(`0x0${id.replace(/[^0-9a-f]/gi, '').slice(0, 13)}`).toString();
