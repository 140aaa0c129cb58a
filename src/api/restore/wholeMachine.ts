import { findArmResource } from '../../db/armResources.ts';
import { CodedError } from '../../lib/error.ts';
import { isVaulted } from '../../vault/recoveryPoint.ts';
import { parseMachineId, sameName } from '../ids.ts';
import { requireGroup } from '../lookups.ts';
import { findMachine } from '../machines.ts';
import type { RestoreAsked } from './asked.ts';
import { requireTargetSubscription } from './targetIds.ts';

const KINDS = ['RestoreDisks', 'AlternateLocation', 'OriginalLocation'] as const;

/** Errors: BadRequest. */
export function checkRecoveryType({ request, isCrossRegion }: RestoreAsked): void {
  const target = 'properties.recoveryType';
  const { recoveryType = '', strongroom } = request;
  if (!(KINDS as readonly string[]).includes(recoveryType))
    throw new CodedError(
      'BadRequest',
      `recoveryType is '${recoveryType}'; legal are 'RestoreDisks', 'AlternateLocation' and 'OriginalLocation'.`,
      {
        target,
      },
    );
  if (strongroom && recoveryType !== 'RestoreDisks')
    throw new CodedError(
      'BadRequest',
      `recoveryType is '${recoveryType}'; with properties.strongroom legal is 'RestoreDisks'.`,
      {
        target,
      },
    );
  if (isCrossRegion && recoveryType === 'OriginalLocation')
    throw new CodedError(
      'BadRequest',
      'A machine cannot be replaced from the second region; legal are RestoreDisks and AlternateLocation.',
      {
        target,
      },
    );
}

/**
 * Restores of whole machines: everything they name is looked at, so that what is wrong is told; then they are refused
 * as long as this server does not make machines of points. Errors: BadRequest, UserErrorVmNotInDesirableState,
 * BCMV2VMNotFound, those of groups and networks, UserErrorRestoreKindNotServed.
 */
export async function checkWholeMachine(asked: RestoreAsked): Promise<void> {
  const { request } = asked;
  if (request.recoveryType === 'RestoreDisks') return;
  if (request.recoveryType === 'OriginalLocation') await checkOriginal(asked);
  else await checkAlternate(asked);
  throw new CodedError(
    'UserErrorRestoreKindNotServed',
    `recoveryType '${request.recoveryType}' is not served yet: whole machines are not restored by this server.`,
    {
      target: 'properties.recoveryType',
      recommendations: [
        "Restore the disks ('RestoreDisks') to the staging account and make the machine from the template that is written beside them.",
        "Or let a host make a powered-off machine of them: 'properties.strongroom': {imageHost, machineName}.",
      ],
    },
  );
}

async function checkOriginal(asked: RestoreAsked): Promise<void> {
  const { services, context, item, point, request } = asked;
  for (const id of [request.targetResourceGroupId, request.targetVirtualMachineId]) {
    const subscription = /^\/subscriptions\/([^/]+)/i.exec(id ?? '')?.[1];
    if (subscription !== undefined) requireTargetSubscription(asked, subscription);
  }
  await context.demand('Microsoft.Compute/virtualMachines/write', item.sourceResourceId);
  const machine = await findMachine(services, { resourceGroup: item.resourceGroup, name: item.vmName }, context.signal);
  if (!machine)
    throw new CodedError(
      'BCMV2VMNotFound',
      `The machine '${item.vmName}' is not there, so its disks cannot be replaced.`,
      {
        target: 'properties.recoveryType',
        recommendations: ["Restore it beside: 'AlternateLocation', or its disks: 'RestoreDisks'."],
      },
    );
  if (machine.powerState !== 'stopped')
    throw new CodedError(
      'UserErrorVmNotInDesirableState',
      `The machine '${item.vmName}' runs; its disks can be replaced while it is off.`,
      {
        target: 'properties.recoveryType',
        recommendations: ['Stop (deallocate) the machine first.'],
      },
    );
  if (!isVaulted(point))
    throw new CodedError(
      'BadRequest',
      'The recovery point is not in the vault yet; the transfer must have ended before disks are replaced.',
      {
        target: 'properties.recoveryPointId',
      },
    );
}

async function checkAlternate(asked: RestoreAsked): Promise<void> {
  const { services, context, request } = asked;
  const id = request.targetVirtualMachineId ?? '';
  const machine = parseMachineId(id);
  if (!machine)
    throw new CodedError('BadRequest', `targetVirtualMachineId is '${id}', which is not the id of a virtual machine.`, {
      target: 'properties.targetVirtualMachineId',
    });
  requireTargetSubscription(asked, machine.subscription);
  await context.demand('Microsoft.Compute/virtualMachines/write', id);
  const group = { subscriptionId: machine.subscription, resourceGroupName: machine.resourceGroup };
  await requireGroup(services, group, context.signal);
  if (!/^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?$/.test(machine.name))
    throw new CodedError(
      'BadRequest',
      `The machine's name '${machine.name}' must be 1 to 64 letters, digits, '_', '.' and '-'.`,
      {
        target: 'properties.targetVirtualMachineId',
      },
    );
  if (await findMachine(services, { resourceGroup: machine.resourceGroup, name: machine.name }, context.signal))
    throw new CodedError(
      'BadRequest',
      `A machine '${machine.name}' is in the resource group '${machine.resourceGroup}' already.`,
      {
        target: 'properties.targetVirtualMachineId',
      },
    );
  await checkNetwork(asked);
}

/** Errors: BadRequest in Azure's words, AuthorizationFailed. */
async function checkNetwork({ services, context, request }: RestoreAsked): Promise<void> {
  const networkId = request.virtualNetworkId ?? '';
  if (networkId !== '') await context.demand('Microsoft.Network/virtualNetworks/subnets/join/action', networkId);
  const network =
    networkId === '' ? undefined : await findArmResource(services.db.queries, networkId.replace(/\/+$/, ''));
  if (network?.type !== 'Microsoft.Network/virtualNetworks')
    throw new CodedError(
      'BadRequest',
      `The specified virtual network configuration isn't correct: there is no network '${networkId}'.`,
      {
        target: 'properties.virtualNetworkId',
      },
    );
  const subnets = (network.properties.subnets ?? []) as readonly { readonly id: string; readonly name: string }[];
  const subnetId = request.subnetId ?? '';
  if (subnets.some((subnet) => sameName(subnet.id, subnetId))) return;
  throw new CodedError(
    'BadRequest',
    `The selected subnet doesn't exist: '${subnetId}'; the network has ${subnets.map(({ name }) => `'${name}'`).join(', ') || 'none'}.`,
    {
      target: 'properties.subnetId',
    },
  );
}
