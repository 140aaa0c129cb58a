import { type InnerCaller, innerCaller, type OuterContext } from '../../arm/innerCall.ts';
import { noContent } from '../../arm/respond.ts';
import type { RouteTable } from '../../arm/route.ts';
import { type ArmResource, deleteArmResource, findArmResource, listArmResources } from '../../db/armResources.ts';
import { listItems } from '../../db/items.ts';
import { deleteResourceGroup } from '../../db/resourceGroups.ts';
import { listVaults } from '../../db/vaults.ts';
import { CodedError, type ErrorDetail, isCoded } from '../../lib/error.ts';
import { groupArmId, machineArmId, vaultArmId } from '../../vault/armIds.ts';
import { assertVaultDeletable } from '../../vault/vaultRules.ts';
import { snapshotsInGroup } from '../compute/restorePointCollections.ts';
import { sameName } from '../ids.ts';
import { endOfOperation } from '../longOperation.ts';
import type { GroupView } from '../lookups.ts';
import type { MachineView } from '../machineSource.ts';
import { listMachines } from '../machines.ts';
import { ipConfigurationsOf } from '../network/references.ts';
import type { Services } from '../services.ts';
import { removeVault } from '../vaultRemoval.ts';

const DELETE_VAULT = { method: 'DELETE', action: 'Microsoft.RecoveryServices/vaults/delete' } as const;
const DELETE_VERSION = '2024-01-01';

/** Asked before anything is deleted. Errors: ResourceGroupDeletionBlocked, with every reason. */
export async function assertGroupDeletable(services: Services, name: string, signal: AbortSignal): Promise<void> {
  const { db, config } = services;
  const faults: ErrorDetail[] = [...(await snapshotsInGroup(db.queries, name))];
  const kept: string[] = [];
  for (const machine of await machinesOf(services, name, signal)) {
    const keeper = services.hosts.find((host) => host.name === machine.host)?.keeper;
    if (!keeper || !(await keeper.manages(machine))) kept.push(machine.name);
  }
  const message = `Virtual machines lie in it that are not deleted from here: ${kept.join(', ')}.`;
  if (kept.length > 0) faults.push({ code: 'Conflict', message });
  for (const vault of await listVaults(db.queries, config.subscriptionId, name)) {
    try {
      assertVaultDeletable(vault, await listItems(db.queries, { vaultId: vault.id }));
    } catch (error) {
      if (!isCoded(error)) throw error;
      faults.push({ code: error.code, message: error.message, target: vault.name });
    }
  }
  faults.push(...(await usesFromOutside(services, name)));
  if (faults.length > 0) throw blocked(name, faults);
}

/** Deletes all that a group holds, by the routes of each type, and the group. Errors: ResourceGroupDeletionBlocked. */
export async function removeGroup(
  services: Services,
  tables: readonly RouteTable[],
  group: Pick<GroupView, 'name'>,
  outer: OuterContext,
): Promise<void> {
  const { db, config } = services;
  const caller = innerCaller(tables);
  for (const machine of await machinesOf(services, group.name, outer.signal))
    await deleteOne(services, caller, outer, machineArmId(config.subscriptionId, machine.resourceGroup, machine.name));
  for (const vault of await listVaults(db.queries, config.subscriptionId, group.name))
    await outer.audited(DELETE_VAULT, vaultArmId(vault), async () => {
      await removeVault(services, vault);
      return noContent();
    });
  await removeResources(services, caller, outer, group.name);
  await deleteResourceGroup(db.queries, config.subscriptionId, group.name);
}

/** In rounds, as what uses a resource must go before it. */
async function removeResources(services: Services, caller: InnerCaller, outer: OuterContext, name: string) {
  for (;;) {
    const left = await resourcesOf(services, name);
    if (left.length === 0) return;
    const faults: ErrorDetail[] = [];
    for (const resource of left) {
      outer.signal.throwIfAborted();
      try {
        await deleteOne(services, caller, outer, resource.id);
      } catch (error) {
        if (!isCoded(error)) throw error;
        faults.push({ code: error.code, message: error.message, target: resource.id });
      }
    }
    if (faults.length === left.length) throw blocked(name, faults);
  }
}

async function deleteOne(services: Services, caller: InnerCaller, outer: OuterContext, id: string): Promise<void> {
  const request = { method: 'DELETE', path: id, apiVersion: DELETE_VERSION, asServer: true } as const;
  if (isServed(caller, id)) {
    const { headers } = await caller.call(outer, request);
    const operation = headers?.['azure-asyncoperation']?.split('?')[0]?.split('/').at(-1);
    if (operation !== undefined) await endOfOperation(services, operation);
  }
  // what has no route of its own, or leaves its row
  if (await findArmResource(services.db.queries, id)) await deleteArmResource(services.db.queries, id);
}

function isServed(caller: InnerCaller, path: string): boolean {
  try {
    return caller.requireRoute({ method: 'DELETE', path }) !== undefined;
  } catch (error) {
    if (isCoded(error)) return false;
    throw error;
  }
}

const machinesOf = async (services: Services, name: string, signal: AbortSignal): Promise<MachineView[]> =>
  (await listMachines(services, signal)).filter((machine) => sameName(machine.resourceGroup, name));

const resourcesOf = ({ db, config }: Services, resourceGroup: string): Promise<readonly ArmResource[]> =>
  listArmResources(db.queries, { subscriptionId: config.subscriptionId, resourceGroup });

/** Networks and disks that machines and interfaces of other groups use. */
async function usesFromOutside({ db, config }: Services, name: string): Promise<ErrorDetail[]> {
  const { subscriptionId } = config;
  const inside = `${groupArmId(subscriptionId, name)}/`.toLowerCase();
  const lies = (id: string | undefined): boolean => id?.toLowerCase().startsWith(inside) ?? false;
  const faults: ErrorDetail[] = [];
  const cards = await listArmResources(db.queries, { subscriptionId, type: 'Microsoft.Network/networkInterfaces' });
  for (const card of cards) {
    const user = (card.properties.virtualMachine as { readonly id: string } | undefined)?.id;
    const uses = ipConfigurationsOf(card).find(({ properties }) => lies(properties.subnet?.id));
    if (uses && !lies(card.id))
      faults.push({
        code: 'Conflict',
        message: `The network interface ${card.id} is in a subnet of it.`,
        target: card.id,
      });
    if (lies(card.id) && user !== undefined && !lies(user))
      faults.push({
        code: 'NicInUse',
        message: `The machine ${user} uses its network interface ${card.name}.`,
        target: card.id,
      });
  }
  for (const disk of await listArmResources(db.queries, {
    subscriptionId,
    type: 'Microsoft.Compute/disks',
    resourceGroup: name,
  })) {
    const user = disk.other.managedBy as string | undefined;
    if (user !== undefined && !lies(user))
      faults.push({ code: 'Conflict', message: `The machine ${user} has its disk ${disk.name}.`, target: disk.id });
  }
  return faults;
}

const blocked = (name: string, details: readonly ErrorDetail[]): CodedError =>
  new CodedError(
    'ResourceGroupDeletionBlocked',
    `Deletion of resource group '${name}' was blocked: ${details[0]?.message ?? ''}`,
    { target: name, details },
  );
