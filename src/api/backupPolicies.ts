import { Type } from 'typebox';
import { matches } from '../arm/filter.ts';
import { noContent, ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { listItems } from '../db/items.ts';
import { countItemsByPolicy, deletePolicy, findPolicy, listPolicies, putPolicy } from '../db/policies.ts';
import { CodedError } from '../lib/error.ts';
import { assertPolicyName } from '../vault/names.ts';
import type { Policy, PolicyRules } from '../vault/policy.ts';
import { assertPolicyChange } from '../vault/policyChange.ts';
import { policyFromWire } from '../vault/policyFromWire.ts';
import type { Vault } from '../vault/vault.ts';
import { assertPolicyDeletable } from '../vault/vaultRules.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { resourceBody } from './body/resourceBody.ts';
import { requirePolicy, requireVault } from './lookups.ts';
import type { Services } from './services.ts';
import { armIdOf } from './toWire/ids.ts';
import { policyToWire } from './toWire/policy.ts';
import { VAULT_PATH } from './vaultPath.ts';

const TYPE = 'Microsoft.RecoveryServices/vaults/backupPolicies';
const ACTION = 'Microsoft.RecoveryServices/Vaults/backupPolicies';
const POLICY = `${VAULT_PATH}/backupPolicies/{policyName}` as const;
const MAX_POLICIES = 200;

/** The rules themselves are read and checked by the vault room, which names every fault at once. */
const PUT_BODY = resourceBody(Type.Record(Type.String(), Type.Unknown()));

export const backupPolicies = (services: Services): RouteTable =>
  defineRoutes({ type: TYPE, apiVersions: BACKUP_VERSIONS, routes: [...reads(services), ...writes(services)] });

const reads = (services: Services) => [
  route({
    method: 'GET',
    path: `${VAULT_PATH}/backupPolicies`,
    action: `${ACTION}/read`,
    summary: 'Lists the policies of a vault.',
    filter: { backupManagementType: 'string', workloadType: 'string', fabricName: 'string' },
    async handler(context) {
      const { queries } = services.db;
      const vault = await requireVault(services, context.params);
      const counts = await countItemsByPolicy(queries, vault.id);
      const isWanted = matches(context.filter, (name) => LISTED[name]);
      const found = isWanted ? await listPolicies(queries, vault.id) : [];
      const vaultId = armIdOf(vault);
      return context.listFrom(
        found,
        (policy) => policy.id,
        (policy) => policyToWire(vaultId, policy, counts.get(policy.id) ?? 0),
      );
    },
  }),
  route({
    method: 'GET',
    path: POLICY,
    action: `${ACTION}/read`,
    summary: 'Gets a policy.',
    async handler({ params }) {
      const vault = await requireVault(services, params);
      return ok(await shown(services, vault, await requirePolicy(services.db.queries, vault, params.policyName)));
    },
  }),
];

/** What every policy here is, for filters. */
const LISTED: Readonly<Record<string, string>> = {
  backupManagementType: 'AzureIaasVM',
  workloadType: 'VM',
  fabricName: 'Azure',
};

const writes = (services: Services) => [
  route({
    method: 'PUT',
    path: POLICY,
    action: `${ACTION}/write`,
    summary: 'Creates a policy, or changes it for all its protected items.',
    body: PUT_BODY,
    async handler({ params, body }) {
      assertPolicyName(params.policyName);
      const vault = await requireVault(services, params);
      const rules = policyFromWire(body.properties);
      return ok(await shown(services, vault, await store(services, vault, params.policyName, rules)));
    },
  }),
  route({
    method: 'DELETE',
    path: POLICY,
    action: `${ACTION}/delete`,
    summary: 'Deletes a policy that no item uses.',
    async handler({ params }) {
      const vault = await requireVault(services, params);
      return services.db.transaction(async (tx) => {
        const policy = await findPolicy(tx, vault.id, params.policyName);
        if (!policy) return noContent();
        assertPolicyDeletable(policy, await listItems(tx, { vaultId: vault.id, policyId: policy.id }));
        await deletePolicy(tx, policy.id);
        return { status: 200 };
      });
    },
  }),
];

const store = (services: Services, vault: Vault, name: string, rules: PolicyRules): Promise<Policy> =>
  services.db.transaction(async (tx) => {
    const now = services.clock.now();
    const before = await findPolicy(tx, vault.id, name);
    if (before) assertPolicyChange(vault, before, rules);
    else requireRoom((await listPolicies(tx, vault.id)).length);
    const policy: Policy = before
      ? {
          ...rules,
          id: before.id,
          vaultId: vault.id,
          name: before.name,
          version: before.version + 1,
          createdAt: before.createdAt,
          updatedAt: now,
        }
      : { ...rules, id: crypto.randomUUID(), vaultId: vault.id, name, version: 1, createdAt: now, updatedAt: now };
    await putPolicy(tx, policy);
    return policy;
  });

/** Errors: BadRequest. */
function requireRoom(count: number): void {
  if (count < MAX_POLICIES) return;
  throw new CodedError('BadRequest', `The vault has ${count} policies; at most ${MAX_POLICIES} are possible.`, {
    target: 'policyName',
  });
}

async function shown(services: Services, vault: Vault, policy: Policy) {
  const counts = await countItemsByPolicy(services.db.queries, vault.id);
  return policyToWire(armIdOf(vault), policy, counts.get(policy.id) ?? 0);
}
