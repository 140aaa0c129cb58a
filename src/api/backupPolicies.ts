import { Type } from 'typebox';
import { matches } from '../arm/filter.ts';
import { operationStatus } from '../arm/operation.ts';
import { noContent, ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { countItemsByPolicy, countItemsOfPolicy, listPolicies } from '../db/policies.ts';
import { CodedError } from '../lib/error.ts';
import { policyArmId, vaultArmId } from '../vault/armIds.ts';
import { assertPolicyName } from '../vault/names.ts';
import type { Policy } from '../vault/policy.ts';
import { policyFromWire } from '../vault/policyFromWire.ts';
import type { Vault } from '../vault/vault.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { resourceBody } from './body/resourceBody.ts';
import { requirePolicy, requireVault } from './lookups.ts';
import { requireOperation, toRecord } from './operationRecords.ts';
import { POLICY_PATH, VAULT_PATH } from './paths.ts';
import { removePolicy, writePolicy } from './policyWrite.ts';
import type { Services } from './services.ts';
import { policyToWire } from './toWire/policy.ts';

const TYPE = 'Microsoft.RecoveryServices/vaults/backupPolicies';
const ACTION = 'Microsoft.RecoveryServices/Vaults/backupPolicies';

/** The rules themselves are read and checked by the vault room, which names every fault at once. */
const PUT_BODY = resourceBody(Type.Record(Type.String(), Type.Unknown()));

export const backupPolicies = (services: Services): RouteTable =>
  defineRoutes({
    type: TYPE,
    apiVersions: BACKUP_VERSIONS,
    routes: [...reads(services), ...writes(services), ...operations(services)],
  });

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
      const vaultId = vaultArmId(vault);
      return context.listFrom(
        found,
        (policy) => policy.id,
        (policy) => policyToWire(vaultId, policy, counts.get(policy.id) ?? 0),
      );
    },
  }),
  route({
    method: 'GET',
    path: POLICY_PATH,
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
    path: POLICY_PATH,
    action: `${ACTION}/write`,
    summary: 'Creates a policy, or changes it for all its protected items.',
    answers: ['200', '200 + Azure-AsyncOperation + Location'],
    body: PUT_BODY,
    async handler(context) {
      assertPolicyName(context.params.policyName);
      const rules = policyFromWire(context.body.properties);
      const consents = consentsOf(context.body.properties.resourceGuardOperationRequests);
      const { vault, policy, operation } = await writePolicy(services, context, rules, consents);
      const answer = ok(await shown(services, vault, policy));
      if (operation === undefined) return answer;
      const id = policyArmId(vaultArmId(vault), policy.name);
      const headers = {
        'azure-asyncoperation': context.absoluteUrl(`${id}/operations/${operation}`),
        location: context.absoluteUrl(`${id}/operationResults/${operation}`),
      };
      return { ...answer, headers };
    },
  }),
  route({
    method: 'DELETE',
    path: POLICY_PATH,
    action: `${ACTION}/delete`,
    summary: 'Deletes a policy that no item uses; DefaultPolicy and EnhancedPolicy come back with their first rules.',
    handler: async ({ params }) => ((await removePolicy(services, params)) ? { status: 200 } : noContent()),
  }),
];

const operations = (services: Services) => [
  route({
    method: 'GET',
    path: `${POLICY_PATH}/operations/{operationId}`,
    action: `${ACTION}/operations/read`,
    summary: 'Gets the status of the change of a policy, with the jobs of its items.',
    async handler(context) {
      const { params } = context;
      const vault = await requireVault(services, params);
      const scope = policyArmId(vaultArmId(vault), params.policyName);
      return operationStatus(context, toRecord(await requireOperation(services.db.queries, scope, params.operationId)));
    },
  }),
  route({
    method: 'GET',
    path: `${POLICY_PATH}/operationResults/{operationId}`,
    action: `${ACTION}/operationResults/read`,
    summary: 'Gets the policy after its change, which was done at once.',
    async handler({ params }) {
      const vault = await requireVault(services, params);
      await requireOperation(
        services.db.queries,
        policyArmId(vaultArmId(vault), params.policyName),
        params.operationId,
      );
      return ok(await shown(services, vault, await requirePolicy(services.db.queries, vault, params.policyName)));
    },
  }),
];

/** Errors: BMSUserErrorInvalidPolicyInput. */
const consentsOf = (value: unknown): readonly string[] | undefined => {
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
  const target = 'resourceGuardOperationRequests';
  throw new CodedError('BMSUserErrorInvalidPolicyInput', `${target} must be a list of request ids.`, { target });
};

async function shown(services: Services, vault: Vault, policy: Policy) {
  return policyToWire(vaultArmId(vault), policy, await countItemsOfPolicy(services.db.queries, policy.id));
}
