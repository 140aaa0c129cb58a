import { isBefore } from '../arm/apiVersion.ts';
import { accepted, ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { listItems } from '../db/items.ts';
import { putPolicy } from '../db/policies.ts';
import type { Queries } from '../db/schema.ts';
import { findVault, insertVault, listVaults, updateVault } from '../db/vaults.ts';
import { CodedError } from '../lib/error.ts';
import { DEFAULT_POLICY_NAME, defaultPolicy, ENHANCED_POLICY_NAME, enhancedPolicy } from '../vault/defaultPolicies.ts';
import type { PolicyRules } from '../vault/policy.ts';
import type { Vault } from '../vault/vault.ts';
import { newVault } from '../vault/vaultRules.ts';
import { VAULT_VERSIONS } from './apiVersions.ts';
import { listFromAsync } from './asyncList.ts';
import { VAULT_PATCH, VAULT_PUT, type VaultPut } from './body/vault.ts';
import { checkLocation } from './locations.ts';
import { requireGroup, requireSubscription, requireVault, type VaultParams } from './lookups.ts';
import { recordOperation } from './operationRecords.ts';
import type { Services } from './services.ts';
import { armIdOf, sameName } from './toWire/ids.ts';
import { vaultToWire } from './toWire/vault.ts';
import { changedVault } from './vaultChange.ts';
import { removeVault } from './vaultRemoval.ts';

const TYPE = 'Microsoft.RecoveryServices/vaults';
const GROUP = '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}';
const VAULTS = `${GROUP}/providers/Microsoft.RecoveryServices/vaults` as const;
const VAULT = `${VAULTS}/{vaultName}` as const;

/** From this version on a client takes only 202 or 204 as the answer to DELETE, before it only 200. */
const ASYNC_DELETE_SINCE = '2022-11-01';

export const vaults = (services: Services): RouteTable =>
  defineRoutes({
    type: TYPE,
    apiVersions: VAULT_VERSIONS,
    routes: [...lists(services), ...reads(services), ...writes(services), remove(services)],
  });

const lists = (services: Services) => [
  route({
    method: 'GET',
    path: '/subscriptions/{subscriptionId}/providers/Microsoft.RecoveryServices/vaults',
    action: `${TYPE}/read`,
    summary: 'Lists the vaults of the subscription.',
    async handler(context) {
      requireSubscription(services, context.params.subscriptionId);
      const found = await listVaults(services.db.queries, context.params.subscriptionId);
      return listFromAsync(
        context,
        found,
        (vault) => vault.id,
        (vault) => toWire(services, vault),
      );
    },
  }),
  route({
    method: 'GET',
    path: VAULTS,
    action: `${TYPE}/read`,
    summary: 'Lists the vaults of a resource group.',
    async handler(context) {
      const group = await requireGroup(services, context.params, context.signal);
      const found = await listVaults(services.db.queries, context.params.subscriptionId, group.name);
      return listFromAsync(
        context,
        found,
        (vault) => vault.id,
        (vault) => toWire(services, vault),
      );
    },
  }),
];

const reads = (services: Services) => [
  route({
    method: 'GET',
    path: VAULT,
    action: `${TYPE}/read`,
    summary: 'Gets a vault.',
    handler: async ({ params }) => ok(await toWire(services, await requireVault(services, params))),
  }),
];

const writes = (services: Services) => [
  route({
    method: 'PUT',
    path: VAULT,
    action: `${TYPE}/write`,
    summary: 'Creates a vault with its chunk store and default policies, or changes one.',
    body: VAULT_PUT,
    async handler(context) {
      const { params, body, signal } = context;
      const group = await requireGroup(services, params, signal);
      const location = await checkLocation(services, body.location, TYPE, signal);
      const { vault, isNew } = await putVault(services, { ...params, resourceGroupName: group.name }, location, body);
      if (!isNew) return ok(await toWire(services, vault));
      const path = armIdOf(vault);
      const operation = await recordOperation(services.db.queries, {
        scope: path,
        now: services.clock.now(),
        vaultId: vault.id,
      });
      return accepted(context, {
        status: 201,
        statusPath: `${path}/operationStatus/${operation}`,
        resultPath: `${path}/operationResults/${operation}`,
        body: await toWire(services, vault),
      });
    },
  }),
  route({
    method: 'PATCH',
    path: VAULT,
    action: `${TYPE}/write`,
    summary: 'Changes tags, identity or settings of a vault.',
    body: VAULT_PATCH,
    async handler({ params, body }) {
      const vault = await services.db.transaction(async (tx) => {
        const before = await requireVault(services, params, tx);
        const changed = changedVault(before, body, { hasItems: await hasItems(tx, before), now: services.clock.now() });
        const after = { ...changed, tags: body.tags ?? before.tags };
        await updateVault(tx, after);
        return after;
      });
      await place(services, vault);
      return ok(await toWire(services, vault));
    },
  }),
];

const remove = (services: Services) =>
  route({
    method: 'DELETE',
    path: VAULT,
    action: `${TYPE}/delete`,
    summary: 'Deletes an empty vault and its chunk store.',
    async handler(context) {
      const { params, apiVersion } = context;
      requireSubscription(services, params.subscriptionId);
      const vault = await findVault(
        services.db.queries,
        params.subscriptionId,
        params.resourceGroupName,
        params.vaultName,
      );
      const isAsync = !isBefore(apiVersion, ASYNC_DELETE_SINCE);
      if (!vault) return { status: isAsync ? 204 : 200 };
      await removeVault(services, vault);
      if (!isAsync) return { status: 200 };
      const path = armIdOf(vault);
      // Without the vault's id: the operation must outlive the vault.
      const operation = await recordOperation(services.db.queries, { scope: path, now: services.clock.now() });
      return accepted(context, {
        statusPath: `${path}/operationStatus/${operation}`,
        resultPath: `${path}/operationResults/${operation}`,
      });
    },
  });

async function putVault(
  services: Services,
  params: VaultParams,
  location: string,
  body: VaultPut,
): Promise<{ vault: Vault; isNew: boolean }> {
  const { db, vaultStores } = services;
  const before = await findVault(db.queries, params.subscriptionId, params.resourceGroupName, params.vaultName);
  if (before) {
    const vault = await replaceVault(services, params, location, body);
    await place(services, vault);
    return { vault, isNew: false };
  }
  await requireFreeName(db.queries, params);
  const vault = createdVault(services, params, location, body);
  // The store comes first: a vault that is listed can take backups. Another request may take the name meanwhile.
  await vaultStores.create(vault);
  await using undo = new AsyncDisposableStack();
  undo.defer(() => vaultStores.remove(vault));
  await db.transaction(async (tx) => {
    await requireFreeName(tx, params);
    await insertVault(tx, vault);
    await putPolicy(tx, namedPolicy(services, vault, DEFAULT_POLICY_NAME, defaultPolicy));
    await putPolicy(tx, namedPolicy(services, vault, ENHANCED_POLICY_NAME, enhancedPolicy));
  });
  undo.move();
  return { vault, isNew: true };
}

function createdVault(services: Services, params: VaultParams, location: string, body: VaultPut): Vault {
  const now = services.clock.now();
  const fresh = newVault(
    {
      id: crypto.randomUUID(),
      subscriptionId: services.config.subscriptionId,
      resourceGroup: params.resourceGroupName,
      name: params.vaultName,
      location,
      tags: body.tags ?? {},
    },
    now,
  );
  return { ...changedVault(fresh, body, { hasItems: false, now }), provisioningState: 'Succeeded' };
}

const replaceVault = (services: Services, params: VaultParams, location: string, body: VaultPut): Promise<Vault> =>
  services.db.transaction(async (tx) => {
    const before = await requireVault(services, params, tx);
    requireSameLocation(before, location);
    const changed = changedVault(before, body, { hasItems: await hasItems(tx, before), now: services.clock.now() });
    const after = { ...changed, tags: body.tags ?? {} };
    await updateVault(tx, after);
    return after;
  });

/** A vault without items gets the places of its redundancy at once; with the first item they are fixed. */
async function place({ db, vaultStores }: Services, vault: Vault): Promise<void> {
  // the places lock as the immutability says, and that may have changed
  vaultStores.forget(vault.id);
  if (!(await hasItems(db.queries, vault))) await vaultStores.place(vault);
}

function requireSameLocation(vault: Vault, location: string): void {
  if (sameName(vault.location, location)) return;
  throw new CodedError(
    'InvalidResourceLocation',
    `The resource '${vault.name}' already exists in location '${vault.location}' in resource group '${vault.resourceGroup}'. A resource with the same name cannot be created in location '${location}'. Please select a new resource name.`,
    { target: 'location' },
  );
}

/** Errors: VaultNameNotUnique. */
async function requireFreeName(tx: Queries, params: VaultParams): Promise<void> {
  const others = await listVaults(tx, params.subscriptionId);
  const taken = others.find((other) => sameName(other.name, params.vaultName));
  if (!taken) return;
  throw new CodedError(
    'VaultNameNotUnique',
    `A vault of the name '${taken.name}' exists in the resource group '${taken.resourceGroup}'; the name must be unique in the subscription.`,
    { target: 'vaultName' },
  );
}

function namedPolicy(services: Services, vault: Vault, name: string, rules: (now: number) => PolicyRules) {
  const now = services.clock.now();
  return {
    ...rules(now),
    id: crypto.randomUUID(),
    vaultId: vault.id,
    name,
    version: 1,
    createdAt: now,
    updatedAt: now,
  };
}

const hasItems = async (tx: Queries, vault: Vault): Promise<boolean> =>
  (await listItems(tx, { vaultId: vault.id })).length > 0;

const toWire = async ({ config, vaultStores }: Services, vault: Vault) =>
  vaultToWire(vault, config.tenantId, await vaultStores.redundancyOf(vault));
