import { Type } from 'typebox';
import { ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { CodedError } from '../lib/error.ts';
import { COMPUTE_VERSIONS } from './apiVersions.ts';
import { findRecord, listRecords, recordKey } from './compute/machineRecord.ts';
import { creatingToWire, instanceViewWithRecord, withRecord } from './compute/machineToWire.ts';
import { machineWrites } from './compute/machineWrites.ts';
import { powerActions } from './compute/powerActions.ts';
import { sameName } from './ids.ts';
import { type GroupParams, requireGroup, requireSubscription, resourceNotFound } from './lookups.ts';
import { machineExtension } from './machineExtension.ts';
import type { MachineView } from './machineSource.ts';
import { getMachine, listMachines } from './machines.ts';
import type { Services } from './services.ts';
import { instanceViewToWire, virtualMachineToWire } from './toWire/virtualMachine.ts';
import type { VirtualMachine } from './wire/virtualMachine.ts';

const TYPE = 'Microsoft.Compute/virtualMachines';
const READ = 'Microsoft.Compute/virtualMachines/read';
const MACHINES =
  '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Compute/virtualMachines';
const MACHINE = `${MACHINES}/{vmName}` as const;

const LIST_QUERY = Type.Object({
  $expand: Type.Optional(Type.String()),
  statusOnly: Type.Optional(Type.String()),
});
const GET_QUERY = Type.Object({ $expand: Type.Optional(Type.String()) });

/** The machines of all hosts, as the compute provider shows them. */
export const virtualMachines = (services: Services): RouteTable =>
  defineRoutes({
    type: TYPE,
    apiVersions: COMPUTE_VERSIONS,
    routes: [
      ...lists(services),
      ...single(services),
      ...machineWrites(services, MACHINE, (machine) => show(services, machine, false)),
      ...powerActions(services, MACHINE, (params, signal) => requireMachine(services, params, signal)),
    ],
  });

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
      const records = await listRecords(services);
      return context.listFrom(machines, keyOf, (machine) => toWire(services, machine, instanceView, records));
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
      const records = await listRecords(services, group.name);
      return context.listFrom(machines, keyOf, (machine) => toWire(services, machine, instanceView, records));
    },
  }),
];

const single = (services: Services) => [
  route({
    method: 'GET',
    path: MACHINE,
    action: READ,
    summary: 'Gets a virtual machine; with $expand=instanceView also its state.',
    query: GET_QUERY,
    async handler({ params, query, signal }) {
      const known = await findRecord(services, { resourceGroup: params.resourceGroupName, name: params.vmName });
      if (known?.record.state === 'Creating') return ok(creatingToWire(known));
      const machine = await requireMachine(services, params, signal);
      return ok(await show(services, machine, isInstanceView(query.$expand)));
    },
  }),
  route({
    method: 'GET',
    path: `${MACHINE}/instanceView`,
    action: READ,
    summary: 'Gets the state of a virtual machine.',
    async handler({ params, signal }) {
      const machine = await requireMachine(services, params, signal);
      const view = instanceViewToWire(machine, await machineExtension(services, machine));
      return ok(instanceViewWithRecord(view, machine, await findRecord(services, machine)));
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

const toWire = (
  { config }: Services,
  machine: MachineView,
  instanceView: boolean,
  records: Awaited<ReturnType<typeof listRecords>>,
) =>
  withRecord(
    virtualMachineToWire(config.subscriptionId, machine, { instanceView }),
    machine,
    records.get(recordKey(machine)),
  );

async function show(services: Services, machine: MachineView, instanceView: boolean): Promise<VirtualMachine> {
  const extension = await machineExtension(services, machine);
  const wire = virtualMachineToWire(services.config.subscriptionId, machine, { instanceView, extension });
  return withRecord(wire, machine, await findRecord(services, machine));
}
