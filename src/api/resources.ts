import { Type } from 'typebox';
import type { Filter, FilterProperties } from '../arm/filter.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { type ArmResource, listArmResources } from '../db/armResources.ts';
import { listVaults } from '../db/vaults.ts';
import { RESOURCE_VERSIONS } from './apiVersions.ts';
import { sameName } from './ids.ts';
import { requireGroup, requireSubscription } from './lookups.ts';
import { listMachines } from './machines.ts';
import type { Services } from './services.ts';
import { matchesTagged } from './tagFilter.ts';
import { vaultToWire } from './toWire/vault.ts';
import { virtualMachineToWire } from './toWire/virtualMachine.ts';
import type { Tags } from './wire/resource.ts';

const FILTER: FilterProperties = {
  resourceType: 'string',
  resourceGroup: 'string',
  name: 'string',
  location: 'string',
  tagName: 'string',
  tagValue: 'string',
};
const QUERY = Type.Object({ $expand: Type.Optional(Type.String()) });

/** What every resource shows, whatever its type. */
interface GenericResource {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly location: string;
  readonly tags?: Tags | undefined;
}

/** Vaults, machines and their neighbours side by side. */
export const resources = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.Resources/resources',
    apiVersions: RESOURCE_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: '/subscriptions/{subscriptionId}/resources',
        action: 'Microsoft.Resources/subscriptions/resources/read',
        summary: 'Lists the resources of the subscription.',
        filter: FILTER,
        query: QUERY,
        async handler(context) {
          requireSubscription(services, context.params.subscriptionId);
          const found = (await allResources(services, context.signal)).filter(wanted(context.filter));
          return context.listFrom(found, keyOf, show);
        },
      }),
      route({
        method: 'GET',
        path: '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/resources',
        action: 'Microsoft.Resources/subscriptions/resourceGroups/resources/read',
        summary: 'Lists the resources of a group.',
        filter: FILTER,
        query: QUERY,
        async handler(context) {
          const group = await requireGroup(services, context.params, context.signal);
          const found = (await allResources(services, context.signal))
            .filter((resource) => sameName(groupOf(resource), group.name))
            .filter(wanted(context.filter));
          return context.listFrom(found, keyOf, show);
        },
      }),
    ],
  });

async function allResources(services: Services, signal: AbortSignal): Promise<GenericResource[]> {
  const { db, config } = services;
  const vaults = await listVaults(db.queries, config.subscriptionId);
  const machines = await listMachines(services, signal);
  const kept = await listArmResources(db.queries, { subscriptionId: config.subscriptionId });
  return [
    ...kept.filter(isListed).map(({ location = '', ...rest }) => ({ ...rest, location })),
    ...vaults.map((vault) => vaultToWire(vault, config.tenantId)),
    ...machines.map((machine) => virtualMachineToWire(config.subscriptionId, machine, { instanceView: false })),
  ];
}

/** Tracked resources; machines are told of by their hosts. */
const isListed = ({ type, location }: ArmResource): boolean =>
  location !== undefined && !sameName(type, 'Microsoft.Compute/virtualMachines');

const wanted =
  (filter: Filter | undefined) =>
  (resource: GenericResource): boolean =>
    matchesTagged(filter, resource.tags, (name) => filterValue(resource, name));

function filterValue(resource: GenericResource, name: string): string | undefined {
  switch (name) {
    case 'resourceType':
      return resource.type;
    case 'resourceGroup':
      return groupOf(resource);
    case 'name':
      return resource.name;
    default:
      return resource.location;
  }
}

const show = ({ id, name, type, location, tags }: GenericResource): GenericResource => ({
  id,
  name,
  type,
  location,
  tags,
});

const groupOf = (resource: GenericResource): string => resource.id.split('/')[4] ?? '';

const keyOf = (resource: GenericResource): string => resource.id.toLowerCase();
