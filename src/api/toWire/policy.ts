import { policyArmId } from '../../vault/armIds.ts';
import type { Policy } from '../../vault/policy.ts';
import { policyToWire as propertiesToWire } from '../../vault/policyToWire.ts';
import type { PolicyPropertiesWire } from '../../vault/policyWire.ts';
import type { Resource } from '../wire/resource.ts';

type WirePolicy = Resource<'Microsoft.RecoveryServices/vaults/backupPolicies', PolicyPropertiesWire>;

/** `vault`: the vault's ARM id. */
export const policyToWire = (vault: string, policy: Policy, protectedItemsCount: number): WirePolicy => ({
  id: policyArmId(vault, policy.name),
  name: policy.name,
  type: 'Microsoft.RecoveryServices/vaults/backupPolicies',
  properties: propertiesToWire(policy, protectedItemsCount),
});
