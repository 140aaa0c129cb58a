import { Type } from 'typebox';
import { operationResult } from '../arm/operation.ts';
import { accepted, noContent, ok } from '../arm/respond.ts';
import { type ArmContext, defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { findResourceGroup, listResourceGroups, putResourceGroup } from '../db/resourceGroups.ts';
import { CodedError } from '../lib/error.ts';
import { groupArmId } from '../vault/armIds.ts';
import { RESOURCE_VERSIONS } from './apiVersions.ts';
import { IGNORED } from './body/resourceBody.ts';
import { LOCATION, TAGS } from './body/vault.ts';
import { normalLocation, requireLocation } from './locations.ts';
import { beginOperation } from './longOperation.ts';
import { findGroup, type GroupView, requireGroup, requireOpen, requireSubscription } from './lookups.ts';
import { listMachines } from './machines.ts';
import { requireOperation, toRecord } from './operationRecords.ts';
import { assertGroupDeletable, removeGroup } from './resources/removeGroup.ts';
import type { Services } from './services.ts';
import { matchesTagged } from './tagFilter.ts';
import type { ResourceGroup } from './wire/resourceGroup.ts';

const TYPE = 'Microsoft.Resources/subscriptions/resourceGroups';
const GROUPS = '/subscriptions/{subscriptionId}/resourceGroups';
const GROUP = `${GROUPS}/{resourceGroupName}` as const;

const COMMON = { id: IGNORED, name: IGNORED, type: IGNORED, properties: IGNORED, managedBy: IGNORED };
const PUT_BODY = Type.Object(
  { ...COMMON, location: Type.Optional(LOCATION), tags: Type.Optional(TAGS) },
  { additionalProperties: false },
);
const PATCH_BODY = Type.Object({ ...COMMON, tags: Type.Optional(TAGS) }, { additionalProperties: false });

/** Groups that were made, and those in which a machine lies. `tables`: by whose routes a group is emptied. */
export const resourceGroups = (services: Services, tables: () => readonly RouteTable[]): RouteTable =>
  defineRoutes({
    type: TYPE,
    apiVersions: RESOURCE_VERSIONS,
    routes: [...reads(services), ...writes(services), ...removal(services, tables)],
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
    answers: ['200', '201'],
    body: PUT_BODY,
    async handler({ params, body, signal }) {
      requireSubscription(services, params.subscriptionId);
      const existing = await findGroup(services, params.resourceGroupName, signal);
      if (existing) requireOpen(services, existing);
      const location = requireLocation(body.location);
      if (existing) requireSameLocation(existing, location);
      const group = await store(services, {
        name: existing?.name ?? params.resourceGroupName,
        location: existing?.location ?? normalLocation(location),
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

const removal = (services: Services, tables: () => readonly RouteTable[]) => [
  route({
    method: 'DELETE',
    path: GROUP,
    action: `${TYPE}/delete`,
    summary: 'Deletes a resource group and all it holds; vaults must be empty.',
    answers: ['202 + Location'],
    query: Type.Object({ forceDeletionTypes: Type.Optional(Type.String()) }),
    async handler(context) {
      const group = await requireGroup(services, context.params, context.signal);
      const { subscriptionId } = services.config;
      const poll = (id: string) =>
        accepted(context, { resultPath: `/subscriptions/${subscriptionId}/operationresults/${id}` });
      if (group.deleting !== undefined && services.work.isRunning(group.deleting)) return poll(group.deleting);
      await assertGroupDeletable(services, group.name, context.signal);
      const scope = groupArmId(subscriptionId, group.name);
      const id = await beginOperation(services, scope, (signal) =>
        removeGroup(services, tables(), group, { ...(context as ArmContext), signal }),
      );
      const made = await findResourceGroup(services.db.queries, subscriptionId, group.name);
      if (made) await putResourceGroup(services.db.queries, { ...made, deleting: id });
      return poll(id);
    },
  }),
  route({
    method: 'GET',
    path: '/subscriptions/{subscriptionId}/operationresults/{operationId}',
    action: `${TYPE}/read`,
    access: 'authenticated',
    summary: 'Tells whether the deletion of a resource group has ended, to those who may read it.',
    answers: ['200', '202 + Location'],
    async handler(context) {
      const { subscriptionId, operationId } = context.params;
      requireSubscription(services, subscriptionId);
      const operation = await requireOperation(services.db.queries, `/subscriptions/${subscriptionId}`, operationId);
      await context.demand(`${TYPE}/read`, operation.scope);
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

function requireSameLocation(group: GroupView, location: string): void {
  if (normalLocation(group.location) === normalLocation(location)) return;
  throw new CodedError(
    'InvalidResourceGroupLocation',
    `Invalid resource group location '${location}'. The Resource group already exists in location '${group.location}'.`,
    { target: 'location' },
  );
}

const toWire = ({ config, work }: Services, group: GroupView): ResourceGroup => ({
  id: groupArmId(config.subscriptionId, group.name),
  name: group.name,
  type: 'Microsoft.Resources/resourceGroups',
  location: group.location,
  tags: group.tags,
  properties: {
    provisioningState: group.deleting !== undefined && work.isRunning(group.deleting) ? 'Deleting' : 'Succeeded',
  },
});
