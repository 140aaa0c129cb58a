import { Type } from 'typebox';
import { noContent, ok } from '../../arm/respond.ts';
import { type ArmContext, type Route, route } from '../../arm/route.ts';
import { CodedError } from '../../lib/error.ts';
import { machineArmId } from '../../vault/armIds.ts';
import { sameName } from '../ids.ts';
import { checkLocation } from '../locations.ts';
import { requireOpenGroup, requireSubscription } from '../lookups.ts';
import type { MachineView } from '../machineSource.ts';
import { findMachine } from '../machines.ts';
import type { Services } from '../services.ts';
import type { VirtualMachine } from '../wire/virtualMachine.ts';
import { applyChange, isNothing, planChange, requireKeeperOf } from './changeMachine.ts';
import { createMachine, planMachine, reserveMachine } from './createMachine.ts';
import { deleteMachine } from './deleteMachine.ts';
import { MACHINE_PATCH, MACHINE_PUT, type MachineProperties, type MachinePut, refuseUnserved } from './machineBody.ts';
import { findRecord, MACHINE_TYPE } from './machineRecord.ts';
import { creatingToWire } from './machineToWire.ts';
import { acceptWork } from './operations.ts';

const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?$/;

/** Making, changing and deleting machines; `path` is that of a machine, `show` how it is answered. */
export const machineWrites = (
  services: Services,
  path: string,
  show: (machine: MachineView) => Promise<VirtualMachine>,
): Route[] => [
  route({
    method: 'PUT',
    path,
    action: `${MACHINE_TYPE}/write`,
    summary: 'Makes a machine on the host and starts it, or changes its disks, size or tags.',
    answers: ['200', '200 + Azure-AsyncOperation', '201 + Azure-AsyncOperation'],
    body: MACHINE_PUT,
    handler: (context) => put(services, context as ArmContext, context.body, show),
  }),
  route({
    method: 'PATCH',
    path,
    action: `${MACHINE_TYPE}/write`,
    summary: 'Changes tags, disks or size of a machine.',
    answers: ['200', '200 + Azure-AsyncOperation'],
    body: MACHINE_PATCH,
    async handler(context) {
      const machine = await requireThere(services, context as ArmContext);
      return change(services, context as ArmContext, machine, context.body, show);
    },
  }),
  route({
    method: 'DELETE',
    path,
    action: `${MACHINE_TYPE}/delete`,
    summary: 'Cuts the power of a machine and forgets it; its snapshots stay, and disks that are not to go with it.',
    answers: ['202 + Azure-AsyncOperation', '204'],
    query: Type.Object({ forceDeletion: Type.Optional(Type.String()) }),
    async handler(context) {
      const machine = await find(services, context as ArmContext);
      if (!machine) return noContent();
      requireKeeperOf(services, machine);
      const id = machineArmId(services.config.subscriptionId, machine.resourceGroup, machine.name);
      return acceptWork(services, context as ArmContext, id, () => deleteMachine(services, machine));
    },
  }),
  ...diskRoutes(services, path, show),
];

const DISKS = Type.Object({
  dataDisksToAttach: Type.Optional(
    Type.Array(Type.Object({ diskId: Type.String(), lun: Type.Optional(Type.Integer({ minimum: 0, maximum: 63 })) })),
  ),
  dataDisksToDetach: Type.Optional(Type.Array(Type.Object({ diskId: Type.String() }))),
});

const diskRoutes = (
  services: Services,
  path: string,
  show: (machine: MachineView) => Promise<VirtualMachine>,
): Route[] => [
  route({
    method: 'POST',
    path: `${path}/attachDetachDataDisks`,
    action: `${MACHINE_TYPE}/attachDetachDataDisks/action`,
    summary: 'Attaches disks that are there to a machine, or takes them from it.',
    answers: ['200', '200 + Azure-AsyncOperation'],
    body: DISKS,
    async handler(context) {
      const machine = await requireThere(services, context as ArmContext);
      const { dataDisksToAttach = [], dataDisksToDetach = [] } = context.body;
      const { storageProfile } = (await show(machine)).properties;
      const gone = (id: string | undefined) => dataDisksToDetach.some(({ diskId }) => sameName(diskId, id ?? ''));
      const kept = storageProfile.dataDisks.filter(({ managedDisk }) => !gone(managedDisk?.id));
      const luns = new Set(storageProfile.dataDisks.map(({ lun }) => lun));
      const added = dataDisksToAttach.map(({ diskId, lun }) => {
        const at = lun ?? freeLun(luns);
        luns.add(at);
        return { lun: at, createOption: 'Attach', managedDisk: { id: diskId } };
      });
      const dataDisks = [...kept.map(({ lun, name }) => ({ lun, name, createOption: 'Attach' })), ...added];
      return change(services, context as ArmContext, machine, { properties: { storageProfile: { dataDisks } } }, show);
    },
  }),
];

const freeLun = (taken: ReadonlySet<number>): number => {
  let lun = 0;
  while (taken.has(lun)) lun++;
  return lun;
};

async function put(
  services: Services,
  context: ArmContext,
  body: MachinePut,
  show: (machine: MachineView) => Promise<VirtualMachine>,
) {
  const { subscriptionId = '', resourceGroupName = '', vmName = '' } = context.params;
  const group = await requireOpenGroup(services, { subscriptionId, resourceGroupName }, context.signal);
  const machine = await find(services, context);
  if (machine) {
    refuseUnserved(body);
    return change(services, context, machine, body, show);
  }
  if (!NAME.test(vmName))
    throw new CodedError(
      'InvalidParameter',
      `The machine name '${vmName}' must be 1 to 64 letters, digits and '-', not beginning or ending with '-'.`,
      {
        target: 'vmName',
      },
    );
  if (body.location === undefined)
    throw new CodedError('LocationRequired', 'The location property is required for this definition.', {
      target: 'location',
    });
  const location = await checkLocation(services, body.location, MACHINE_TYPE, context.signal);
  const plan = await planMachine(services, context, { group, name: vmName, location }, body);
  await reserveMachine(services, plan);
  const answer = { status: 201 as const, body: creatingToWire(plan.known) };
  return acceptWork(services, context, plan.known.id, (signal) => createMachine(services, plan, signal), answer);
}

async function change(
  services: Services,
  context: ArmContext,
  machine: MachineView,
  asked: {
    readonly properties?: MachineProperties | null | undefined;
    readonly tags?: Readonly<Record<string, string>> | null | undefined;
  },
  show: (machine: MachineView) => Promise<VirtualMachine>,
) {
  const planned = await planChange(services, context, machine, asked);
  if (isNothing(planned)) return ok(await show(machine));
  requireKeeperOf(services, machine);
  const id = machineArmId(services.config.subscriptionId, machine.resourceGroup, machine.name);
  const shown = await show(machine);
  const body = { ...shown, properties: { ...shown.properties, provisioningState: 'Updating' } };
  const work = (signal: AbortSignal) => applyChange(services, machine, planned, signal);
  return acceptWork(services, context, id, work, { status: 200, body });
}

function find(services: Services, { params, signal }: ArmContext): Promise<MachineView | undefined> {
  const { subscriptionId = '', resourceGroupName = '', vmName = '' } = params;
  requireSubscription(services, subscriptionId);
  return findMachine(services, { resourceGroup: resourceGroupName, name: vmName }, signal);
}

/** Errors: ResourceNotFound; Conflict while it is being made. */
async function requireThere(services: Services, context: ArmContext): Promise<MachineView> {
  const machine = await find(services, context);
  if (machine) return machine;
  const { resourceGroupName = '', vmName = '' } = context.params;
  const known = await findRecord(services, { resourceGroup: resourceGroupName, name: vmName });
  if (known?.record.state === 'Creating')
    throw new CodedError('Conflict', `The machine '${vmName}' is being created.`, { target: vmName });
  throw new CodedError(
    'ResourceNotFound',
    `The Resource '${MACHINE_TYPE}/${vmName}' under resource group '${resourceGroupName}' was not found.`,
    { target: vmName },
  );
}
