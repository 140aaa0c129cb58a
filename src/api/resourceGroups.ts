import { Type } from 'typebox';
import { operationResult } from '../arm/operation.ts';
import { accepted, noContent, ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { listItems } from '../db/items.ts';
import { deleteResourceGroup, findResourceGroup, listResourceGroups, putResourceGroup } from '../db/resourceGroups.ts';
import { listVaults } from '../db/vaults.ts';
import { CodedError, type ErrorDetail } from '../lib/error.ts';
import { assertVaultDeletable } from '../vault/vaultRules.ts';
import { RESOURCE_VERSIONS } from './apiVersions.ts';
import { LOCATION, TAGS } from './body/vault.ts';
import { normalLocation } from './locations.ts';
import { findGroup, type GroupView, requireGroup, requireSubscription } from './lookups.ts';
import { listMachines } from './machines.ts';
import { recordOperation, requireOperation, toRecord } from './operationRecords.ts';
import type { Services } from './services.ts';
import { matchesTagged } from './tagFilter.ts';
import { groupId, sameName } from './toWire/ids.ts';
import { removeVault } from './vaultRemoval.ts';
import type { ResourceGroup } from './wire/resourceGroup.ts';

const TYPE = 'Microsoft.Resources/subscriptions/resourceGroups';
const GROUPS = '/subscriptions/{subscriptionId}/resourceGroups';
const GROUP = `${GROUPS}/{resourceGroupName}` as const;

const IGNORED = Type.Optional(Type.Unknown());
const COMMON = { id: IGNORED, name: IGNORED, type: IGNORED, properties: IGNORED, managedBy: IGNORED };
const PUT_BODY = Type.Object(
  { ...COMMON, location: LOCATION, tags: Type.Optional(TAGS) },
  { additionalProperties: false },
);
const PATCH_BODY = Type.Object({ ...COMMON, tags: Type.Optional(TAGS) }, { additionalProperties: false });

/** Groups that were made, and those in which a machine lies. */
export const resourceGroups = (services: Services): RouteTable =>
  defineRoutes({
    type: TYPE,
    apiVersions: RESOURCE_VERSIONS,
    routes: [...reads(services), ...writes(services), ...removal(services)],
  });

const reads = (services: Services) => [
  route({
    method: 'GET',
    path: GROUPS,
    action: `${TYPE}/read`,
    summary: 'Lists the resource groups, those of machines among them.',
    filter: { tagName: 'string', tagValue: 'string' },
    async handler(context) {
      requireSubscription(services, context.params.subscriptionId);
      const groups = (await allGroups(services, context.signal)).filter((group) =>
        matchesTagged(context.filter, group.tags, () => undefined),
      );
      return context.listFrom(
        groups,
        (group) => group.name.toLowerCase(),
        (group) => toWire(services, group),
      );
    },
  }),
  route({
    method: 'GET',
    path: GROUP,
    action: `${TYPE}/read`,
    summary: 'Gets a resource group.',
    handler: async ({ params, signal }) => ok(toWire(services, await requireGroup(services, params, signal))),
  }),
  route({
    method: 'HEAD',
    path: GROUP,
    action: `${TYPE}/read`,
    summary: 'Tells whether a resource group exists.',
    async handler({ params, signal }) {
      requireSubscription(services, params.subscriptionId);
      return (await findGroup(services, params.resourceGroupName, signal)) ? noContent() : { status: 404 };
    },
  }),
];

const writes = (services: Services) => [
  route({
    method: 'PUT',
    path: GROUP,
    action: `${TYPE}/write`,
    summary: 'Creates a resource group, or replaces its tags.',
    body: PUT_BODY,
    async handler({ params, body, signal }) {
      requireSubscription(services, params.subscriptionId);
      const existing = await findGroup(services, params.resourceGroupName, signal);
      if (existing) requireSameLocation(existing, body.location);
      const group = await store(services, {
        name: existing?.name ?? params.resourceGroupName,
        location: existing?.location ?? normalLocation(body.location),
        tags: body.tags ?? {},
      });
      return { status: existing ? 200 : 201, body: toWire(services, group) };
    },
  }),
  route({
    method: 'PATCH',
    path: GROUP,
    action: `${TYPE}/write`,
    summary: 'Replaces the tags of a resource group.',
    body: PATCH_BODY,
    async handler({ params, body, signal }) {
      const group = await requireGroup(services, params, signal);
      return ok(toWire(services, await store(services, { ...group, tags: body.tags ?? group.tags })));
    },
  }),
];

const removal = (services: Services) => [
  route({
    method: 'DELETE',
    path: GROUP,
    action: `${TYPE}/delete`,
    summary: 'Deletes a resource group and its empty vaults.',
    query: Type.Object({ forceDeletionTypes: Type.Optional(Type.String()) }),
    async handler(context) {
      const group = await requireGroup(services, context.params, context.signal);
      await removeGroup(services, group.name, context.signal);
      const scope = `/subscriptions/${services.config.subscriptionId}`;
      const operation = await recordOperation(services.db.queries, { scope, now: services.clock.now() });
      return accepted(context, { resultPath: `${scope}/operationresults/${operation}` });
    },
  }),
  route({
    method: 'GET',
    path: '/subscriptions/{subscriptionId}/operationresults/{operationId}',
    action: `${TYPE}/read`,
    summary: 'Tells whether the deletion of a resource group has ended.',
    async handler(context) {
      requireSubscription(services, context.params.subscriptionId);
      const scope = `/subscriptions/${context.params.subscriptionId}`;
      const operation = await requireOperation(services.db.queries, scope, context.params.operationId);
      return operationResult(context, toRecord(operation), { status: 200 });
    },
  }),
];

async function allGroups(services: Services, signal: AbortSignal): Promise<GroupView[]> {
  const made = await listResourceGroups(services.db.queries, services.config.subscriptionId);
  const byKey = new Map<string, GroupView>(made.map((group) => [group.name.toLowerCase(), group]));
  for (const { resourceGroup } of await listMachines(services, signal)) {
    const key = resourceGroup.toLowerCase();
    if (!byKey.has(key)) byKey.set(key, { name: resourceGroup, location: services.config.location, tags: {} });
  }
  return [...byKey.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

async function store(services: Services, group: GroupView): Promise<GroupView> {
  const { subscriptionId } = services.config;
  const before = await findResourceGroup(services.db.queries, subscriptionId, group.name);
  const createdAt = before?.createdAt ?? services.clock.now();
  await putResourceGroup(services.db.queries, { ...group, subscriptionId, createdAt });
  return group;
}

/** Errors: ResourceGroupDeletionBlocked, with the reason of each vault. */
async function removeGroup(services: Services, name: string, signal: AbortSignal): Promise<void> {
  const { db, config } = services;
  const machines = (await listMachines(services, signal)).filter((machine) => sameName(machine.resourceGroup, name));
  if (machines.length > 0) {
    throw blocked(name, [
      {
        code: 'Conflict',
        message: `Virtual machines lie in it: ${machines.map((machine) => machine.name).join(', ')}.`,
      },
    ]);
  }
  const found = await listVaults(db.queries, config.subscriptionId, name);
  const faults: ErrorDetail[] = [];
  for (const vault of found) {
    try {
      assertVaultDeletable(vault, await listItems(db.queries, { vaultId: vault.id }));
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      faults.push({ code: error.code, message: error.message, target: vault.name });
    }
  }
  if (faults.length > 0) throw blocked(name, faults);
  for (const vault of found) await removeVault(services, vault);
  await deleteResourceGroup(db.queries, config.subscriptionId, name);
}

const blocked = (name: string, details: readonly ErrorDetail[]): CodedError =>
  new CodedError(
    'ResourceGroupDeletionBlocked',
    `Deletion of resource group '${name}' was blocked: ${details[0]?.message ?? ''}`,
    {
      target: name,
      details,
    },
  );

function requireSameLocation(group: GroupView, location: string): void {
  if (normalLocation(group.location) === normalLocation(location)) return;
  throw new CodedError(
    'InvalidResourceGroupLocation',
    `Invalid resource group location '${location}'. The Resource group already exists in location '${group.location}'.`,
    { target: 'location' },
  );
}

const toWire = ({ config }: Services, group: GroupView): ResourceGroup => ({
  id: groupId(config.subscriptionId, group.name),
  name: group.name,
  type: 'Microsoft.Resources/resourceGroups',
  location: group.location,
  tags: group.tags,
  properties: { provisioningState: 'Succeeded' },
});
