import { Type } from 'typebox';
import { ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { CodedError } from '../lib/error.ts';
import { COMPUTE_VERSIONS } from './apiVersions.ts';
import { type GroupParams, requireGroup, requireSubscription, resourceNotFound } from './lookups.ts';
import type { MachineView } from './machineSource.ts';
import { getMachine, listMachines } from './machines.ts';
import type { Services } from './services.ts';
import { sameName } from './toWire/ids.ts';
import { instanceViewToWire, virtualMachineToWire } from './toWire/virtualMachine.ts';

const TYPE = 'Microsoft.Compute/virtualMachines';
const READ = 'Microsoft.Compute/virtualMachines/read';
const MACHINES =
  '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Compute/virtualMachines';

const LIST_QUERY = Type.Object({
  $expand: Type.Optional(Type.String()),
  statusOnly: Type.Optional(Type.String()),
});
const GET_QUERY = Type.Object({ $expand: Type.Optional(Type.String()) });

/** The machines of all hosts, as the compute provider shows them. */
export const virtualMachines = (services: Services): RouteTable =>
  defineRoutes({ type: TYPE, apiVersions: COMPUTE_VERSIONS, routes: [...lists(services), ...single(services)] });

const lists = (services: Services) => [
  route({
    method: 'GET',
    path: '/subscriptions/{subscriptionId}/providers/Microsoft.Compute/virtualMachines',
    action: READ,
    summary: 'Lists the virtual machines of all hosts.',
    query: LIST_QUERY,
    async handler(context) {
      requireSubscription(services, context.params.subscriptionId);
      const machines = await listMachines(services, context.signal);
      const instanceView = isInstanceView(context.query.$expand) || context.query.statusOnly?.toLowerCase() === 'true';
      return context.listFrom(machines, keyOf, (machine) => toWire(services, machine, instanceView));
    },
  }),
  route({
    method: 'GET',
    path: MACHINES,
    action: READ,
    summary: 'Lists the virtual machines of a resource group.',
    query: LIST_QUERY,
    async handler(context) {
      const group = await requireGroup(services, context.params, context.signal);
      const machines = (await listMachines(services, context.signal)).filter((machine) =>
        sameName(machine.resourceGroup, group.name),
      );
      const instanceView = isInstanceView(context.query.$expand);
      return context.listFrom(machines, keyOf, (machine) => toWire(services, machine, instanceView));
    },
  }),
];

const single = (services: Services) => [
  route({
    method: 'GET',
    path: `${MACHINES}/{vmName}`,
    action: READ,
    summary: 'Gets a virtual machine; with $expand=instanceView also its state.',
    query: GET_QUERY,
    async handler({ params, query, signal }) {
      const machine = await requireMachine(services, params, signal);
      return ok(toWire(services, machine, isInstanceView(query.$expand)));
    },
  }),
  route({
    method: 'GET',
    path: `${MACHINES}/{vmName}/instanceView`,
    action: READ,
    summary: 'Gets the state of a virtual machine.',
    async handler({ params, signal }) {
      return ok(instanceViewToWire(await requireMachine(services, params, signal)));
    },
  }),
];

async function requireMachine(
  services: Services,
  params: GroupParams & { readonly vmName: string },
  signal: AbortSignal,
): Promise<MachineView> {
  requireSubscription(services, params.subscriptionId);
  const ref = { resourceGroup: params.resourceGroupName, name: params.vmName };
  return getMachine(
    services,
    ref,
    (why) => resourceNotFound(TYPE, params.vmName, params.resourceGroupName, why),
    signal,
  );
}

function isInstanceView(expand: string | undefined): boolean {
  if (expand === undefined || expand === '') return false;
  const wanted = expand.toLowerCase().split(',');
  const unknown = wanted.find((word) => word !== 'instanceview' && word !== 'userdata');
  if (unknown === undefined) return wanted.includes('instanceview');
  throw new CodedError('InvalidParameter', `$expand names '${unknown}'; legal are 'instanceView' and 'userData'.`, {
    target: '$expand',
  });
}

const keyOf = (machine: MachineView): string => `${machine.resourceGroup}/${machine.name}`.toLowerCase();

const toWire = ({ config }: Services, machine: MachineView, instanceView: boolean) =>
  virtualMachineToWire(config.subscriptionId, machine, { instanceView });
