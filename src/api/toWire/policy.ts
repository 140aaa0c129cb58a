import type { Policy } from '../../vault/policy.ts';
import { policyToWire as propertiesToWire } from '../../vault/policyToWire.ts';
import type { PolicyPropertiesWire } from '../../vault/policyWire.ts';
import type { Resource } from '../wire/resource.ts';
import { policyId } from './ids.ts';

type WirePolicy = Resource<'Microsoft.RecoveryServices/vaults/backupPolicies', PolicyPropertiesWire>;

/** `vault`: the vault's ARM id. */
export const policyToWire = (vault: string, policy: Policy, protectedItemsCount: number): WirePolicy => ({
  id: policyId(vault, policy.name),
  name: policy.name,
  type: 'Microsoft.RecoveryServices/vaults/backupPolicies',
  properties: propertiesToWire(policy, protectedItemsCount),
});
