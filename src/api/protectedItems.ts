import { operationResult, operationStatus } from '../arm/operation.ts';
import { noContent, ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { findItem, findItemsOfMachine, insertItem, updateItem } from '../db/items.ts';
import { getJob } from '../db/jobs.ts';
import type { Queries } from '../db/schema.ts';
import { CodedError, type ErrorOptions } from '../lib/error.ts';
import { isSameMachine, type MachineName } from '../vault/names.ts';
import { changeProtection, enableProtection, isActivelyProtected, softDeleteItem } from '../vault/protection.ts';
import type { Vault } from '../vault/vault.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { ITEM_PUT, type ItemPut } from './body/protectedItem.ts';
import { itemOperationAccepted, recordDoneChange } from './itemOperation.ts';
import { findPathItem, itemIdOf, machineOf } from './itemPath.ts';
import { showItem } from './itemView.ts';
import { normalLocation } from './locations.ts';
import { requireVault } from './lookups.ts';
import type { MachineView } from './machineSource.ts';
import { getMachine, listMachines } from './machines.ts';
import { requireOperation, toRecord } from './operationRecords.ts';
import { protectionRequest } from './protectionRequest.ts';
import type { Services } from './services.ts';
import { machineId } from './toWire/ids.ts';
import { ITEM_PATH } from './vaultPath.ts';

const ACTION = 'Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems';

export const protectedItems = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems',
    apiVersions: BACKUP_VERSIONS,
    routes: [get(services), put(services), remove(services), ...operations(services)],
  });

const get = (services: Services) =>
  route({
    method: 'GET',
    path: ITEM_PATH,
    action: `${ACTION}/read`,
    summary: 'Gets a protected item.',
    filter: { expand: 'string' },
    async handler({ params }) {
      const { vault, item } = await findPathItem(services, params);
      return ok(await showItem(services.db.queries, vault, item, { extended: true, now: services.clock.now() }));
    },
  });

const put = (services: Services) =>
  route({
    method: 'PUT',
    path: ITEM_PATH,
    action: `${ACTION}/write`,
    summary: 'Begins, stops, resumes or takes back protection of a machine, or changes its policy or disks.',
    body: ITEM_PUT,
    async handler(context) {
      const { params, body, principal, signal } = context;
      const name = machineOf(params);
      const vault = await requireVault(services, params);
      const existing = await findItem(services.db.queries, vault.id, name.resourceGroup, name.vmName);
      const machine = existing
        ? await seenMachine(services, name, signal)
        : await requireProtectable(services, vault, name, signal);
      if (!existing && machine) {
        // The vault's role alone must not give away the contents of any machine.
        const id = machineId(vault.subscriptionId, machine.resourceGroup, machine.name);
        await context.demand('Microsoft.Compute/virtualMachines/write', id);
      }
      const done = await configure(services, vault, name, machine, body.properties, principal.objectId);
      return itemOperationAccepted(context, done.itemId, done.operation);
    },
  });

const remove = (services: Services) =>
  route({
    method: 'DELETE',
    path: ITEM_PATH,
    action: `${ACTION}/delete`,
    summary: 'Stops protection and schedules the data for deletion: until the retention is over it can be taken back.',
    async handler(context) {
      const name = machineOf(context.params);
      const vault = await requireVault(services, context.params);
      const done = await services.db.transaction(async (tx) => {
        const before = await findItem(tx, vault.id, name.resourceGroup, name.vmName);
        if (!before) return undefined;
        const now = services.clock.now();
        const { item, operation } = softDeleteItem(vault, before, now);
        await updateItem(tx, item);
        const by = context.principal.objectId;
        return { item, operation: await recordDoneChange(tx, { vault, item, operation, by, now }) };
      });
      return done ? itemOperationAccepted(context, itemIdOf(vault, done.item), done.operation) : noContent();
    },
  });

const operations = (services: Services) => [
  route({
    method: 'GET',
    path: `${ITEM_PATH}/operationsStatus/{operationId}`,
    action: `${ACTION}/operationsStatus/read`,
    summary: 'Gets the status of an operation on an item.',
    async handler(context) {
      const vault = await requireVault(services, context.params);
      const scope = itemIdOf(vault, machineOf(context.params));
      const operation = await requireOperation(services.db.queries, scope, context.params.operationId);
      return operationStatus(context, toRecord(operation));
    },
  }),
  route({
    method: 'GET',
    path: `${ITEM_PATH}/operationResults/{operationId}`,
    action: `${ACTION}/operationResults/read`,
    summary: 'Gets the result of an operation on an item: the item after a PUT.',
    async handler(context) {
      const { queries } = services.db;
      const { vault, item, id } = await findPathItem(services, context.params);
      const operation = await requireOperation(queries, id, context.params.operationId);
      const job = operation.jobId === undefined ? undefined : await getJob(queries, operation.jobId);
      const isPut = job !== undefined && ['ConfigureBackup', 'DisableBackup', 'Undelete'].includes(job.operation);
      const now = services.clock.now();
      const done = isPut ? ok(await showItem(queries, vault, item, { extended: true, now })) : noContent();
      return operationResult(context, toRecord(operation), done);
    },
  }),
];

const configure = (
  services: Services,
  vault: Vault,
  name: MachineName,
  machine: MachineView | undefined,
  body: ItemPut,
  by: string,
): Promise<{ itemId: string; operation: string }> =>
  services.db.transaction(async (tx) => {
    const now = services.clock.now();
    const before = await findItem(tx, vault.id, name.resourceGroup, name.vmName);
    const request = await protectionRequest(tx, vault, name, body, before);
    if (request.policy) await requireNoOtherVault(tx, vault, name);
    const change = before
      ? changeProtection(vault, before, request, now)
      : enableProtection(vault, protectedMachine(vault, requireFound(machine, name)), request, {
          id: crypto.randomUUID(),
          now,
        });
    const item = request.policy && machine ? { ...change.item, host: machine.host, vmId: machine.vmId } : change.item;
    if (before) await updateItem(tx, item);
    else await insertItem(tx, item);
    const propertyBag = request.policy ? { 'Policy Name': request.policy.name } : {};
    const operation = await recordDoneChange(tx, { vault, item, operation: change.operation, by, now, propertyBag });
    return { itemId: itemIdOf(vault, item), operation };
  });

/**
 * The machine of an existing item, if a host shows it now: it may have been made again, or moved to another host.
 * Its absence, or a silent host, keeps nobody from changing the item.
 */
async function seenMachine(
  services: Services,
  name: MachineName,
  signal: AbortSignal,
): Promise<MachineView | undefined> {
  const machines = await listMachines(services, signal);
  return machines.find((machine) =>
    isSameMachine(name, { resourceGroup: machine.resourceGroup, vmName: machine.name }),
  );
}

/** Errors: BCMV2VMNotFound, BMSUserErrorInvalidConfigureProtectionRequest. */
async function requireProtectable(
  services: Services,
  vault: Vault,
  name: MachineName,
  signal: AbortSignal,
): Promise<MachineView> {
  const ref = { resourceGroup: name.resourceGroup, name: name.vmName };
  const machine = await getMachine(services, ref, (why) => machineNotFound(name, why), signal);
  if (normalLocation(machine.location) === normalLocation(vault.location)) return machine;
  throw new CodedError(
    'BMSUserErrorInvalidConfigureProtectionRequest',
    `The VM should be in the same location as that of the Recovery Services vault to enable protection. The vault is in '${vault.location}', the VM in '${machine.location}'.`,
    { target: 'properties.sourceResourceId' },
  );
}

/** Errors: BCMV2VMNotFound. */
function requireFound(machine: MachineView | undefined, name: MachineName): MachineView {
  if (machine) return machine;
  throw machineNotFound(name, {});
}

const machineNotFound = (
  name: MachineName,
  { details = [], recommendations = [] }: Pick<ErrorOptions, 'details' | 'recommendations'>,
): CodedError =>
  new CodedError(
    'BCMV2VMNotFound',
    `The virtual machine '${name.vmName}' in the resource group '${name.resourceGroup}' doesn't exist.`,
    {
      target: 'properties.sourceResourceId',
      details,
      recommendations: [...recommendations, 'List the machines that can be protected: backupProtectableItems.'],
    },
  );

/** One machine is actively protected in one vault. Errors: VirtualMachineAlreadyProtected. */
async function requireNoOtherVault(tx: Queries, vault: Vault, name: MachineName): Promise<void> {
  const items = await findItemsOfMachine(tx, name.resourceGroup, name.vmName);
  const other = items.find((item) => item.vaultId !== vault.id && isActivelyProtected(item));
  if (!other) return;
  throw new CodedError(
    'VirtualMachineAlreadyProtected',
    'Virtual machine with same name and same resource group is already protected in another vault.',
    {
      target: 'properties.sourceResourceId',
      recommendations: ['Stop its protection there first; the data can be retained.'],
    },
  );
}

const protectedMachine = (vault: Vault, machine: MachineView) => ({
  host: machine.host,
  resourceGroup: machine.resourceGroup,
  vmName: machine.name,
  vmId: machine.vmId,
  sourceResourceId: machineId(vault.subscriptionId, machine.resourceGroup, machine.name),
});
