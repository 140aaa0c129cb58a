import { isBefore } from '../arm/apiVersion.ts';
import { accepted, ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { findVault, listVaults } from '../db/vaults.ts';
import { vaultArmId } from '../vault/armIds.ts';
import { VAULT_VERSIONS } from './apiVersions.ts';
import { listFromAsync } from './asyncList.ts';
import { VAULT_PATCH, VAULT_PUT } from './body/vault.ts';
import { checkLocation } from './locations.ts';
import { requireGroup, requireOpenGroup, requireSubscription, requireVault } from './lookups.ts';
import { recordOperation } from './operationRecords.ts';
import { GROUP_PATH } from './paths.ts';
import type { Services } from './services.ts';
import { newVaultToWire } from './toWire/vault.ts';
import { patchVault, putVault, requireEtag, showVault } from './vaultPut.ts';
import { removeVault } from './vaultRemoval.ts';

const TYPE = 'Microsoft.RecoveryServices/vaults';
const VAULTS = `${GROUP_PATH}/providers/Microsoft.RecoveryServices/vaults` as const;
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
        (vault) => showVault(services, vault),
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
        (vault) => showVault(services, vault),
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
    handler: async ({ params }) => ok(await showVault(services, await requireVault(services, params))),
  }),
];

const writes = (services: Services) => [
  route({
    method: 'PUT',
    path: VAULT,
    action: `${TYPE}/write`,
    summary: 'Creates a vault with its chunk store and default policies, or changes one.',
    answers: ['200', '201 + Azure-AsyncOperation + Location'],
    body: VAULT_PUT,
    async handler(context) {
      const { params, body, signal } = context;
      const group = await requireOpenGroup(services, params, signal);
      const location = await checkLocation(services, body.location, TYPE, signal);
      const names = { ...params, resourceGroupName: group.name };
      const { vault, isNew } = await putVault(services, context, names, location, body);
      const shown = await showVault(services, vault);
      if (!isNew) return ok(shown);
      const path = vaultArmId(vault);
      const operation = await recordOperation(services.db.queries, {
        scope: path,
        now: services.clock.now(),
        vaultId: vault.id,
      });
      return accepted(context, {
        status: 201,
        statusPath: `${path}/operationStatus/${operation}`,
        resultPath: `${path}/operationResults/${operation}`,
        body: newVaultToWire(shown),
      });
    },
  }),
  route({
    method: 'PATCH',
    path: VAULT,
    action: `${TYPE}/write`,
    summary: 'Changes tags, identity or settings of a vault.',
    body: VAULT_PATCH,
    handler: async (context) =>
      ok(await showVault(services, await patchVault(services, context, context.params, context.body))),
  }),
];

const remove = (services: Services) =>
  route({
    method: 'DELETE',
    path: VAULT,
    action: `${TYPE}/delete`,
    summary: 'Deletes a vault without items; with soft-deleted ones it can be taken back until it is purged.',
    answers: ['200', '202 + Azure-AsyncOperation + Location', '204'],
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
      requireEtag(context, vault);
      await removeVault(services, vault);
      if (!isAsync) return { status: 200 };
      const path = vaultArmId(vault);
      // Without the vault's id: the operation must outlive the vault.
      const operation = await recordOperation(services.db.queries, { scope: path, now: services.clock.now() });
      return accepted(context, {
        statusPath: `${path}/operationStatus/${operation}`,
        resultPath: `${path}/operationResults/${operation}`,
      });
    },
  });
