import { Type } from 'typebox';
import { operationResult } from '../arm/operation.ts';
import { accepted, noContent, ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { findItem } from '../db/items.ts';
import { CodedError } from '../lib/error.ts';
import { containerArmId, vaultArmId } from '../vault/armIds.ts';
import { containerName, isSameMachine, type MachineName, parseContainerName } from '../vault/names.ts';
import type { Vault } from '../vault/vault.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { IGNORED, resourceBody } from './body/resourceBody.ts';
import { parseMachineId } from './ids.ts';
import { type ContainerParams, requireFabric } from './itemPath.ts';
import { requireItem, requireVault } from './lookups.ts';
import { recordOperation, requireOperation, toRecord } from './operationRecords.ts';
import { CONTAINER_PATH } from './paths.ts';
import { requireProtectable } from './protectability.ts';
import type { Services } from './services.ts';
import { machineContainerToWire, protectionContainerToWire } from './toWire/protectionContainer.ts';

const ACTION = 'Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers';
/** Read-only fields are let through: clients send back what they read. */
const BODY = resourceBody(
  Type.Object(
    {
      containerType: Type.Enum(['Microsoft.Compute/virtualMachines']),
      backupManagementType: Type.Optional(Type.Enum(['AzureIaasVM'])),
      sourceResourceId: Type.Optional(Type.String()),
      virtualMachineId: Type.Optional(Type.String()),
      friendlyName: IGNORED,
      registrationStatus: IGNORED,
      healthStatus: IGNORED,
      protectableObjectType: IGNORED,
      virtualMachineVersion: IGNORED,
      resourceGroup: IGNORED,
    },
    { additionalProperties: false },
  ),
);

export const protectionContainers = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers',
    apiVersions: BACKUP_VERSIONS,
    routes: [get(services), register(services), unregister(services), inquire(services), results(services)],
  });

const get = (services: Services) =>
  route({
    method: 'GET',
    path: CONTAINER_PATH,
    action: `${ACTION}/read`,
    summary: 'Gets a container.',
    async handler({ params }) {
      const { vault, machine } = await containerOf(services, params);
      return ok(protectionContainerToWire(vault, await requireItem(services.db.queries, vault, machine)));
    },
  });

const register = (services: Services) =>
  route({
    method: 'PUT',
    path: CONTAINER_PATH,
    action: `${ACTION}/write`,
    summary: 'Registers a container: that of a machine needs no registration, so the answer tells how it stands.',
    body: BODY,
    async handler({ params, body, signal }) {
      const { vault, machine } = await containerOf(services, params);
      requireSource(machine, body.properties.sourceResourceId ?? body.properties.virtualMachineId);
      const item = await findItem(services.db.queries, vault.id, machine.resourceGroup, machine.vmName);
      if (item) return ok(protectionContainerToWire(vault, item));
      const found = await requireProtectable(services, vault, machine, signal);
      const name = { resourceGroup: found.resourceGroup, vmName: found.name };
      return ok(machineContainerToWire(vault, name, 'NotRegistered'));
    },
  });

const unregister = (services: Services) =>
  route({
    method: 'DELETE',
    path: CONTAINER_PATH,
    action: `${ACTION}/delete`,
    summary: 'Unregisters a container: refused while its machine has an item, as the container goes with it.',
    answers: ['204'],
    async handler({ params }) {
      const { vault, machine } = await containerOf(services, params);
      const item = await findItem(services.db.queries, vault.id, machine.resourceGroup, machine.vmName);
      if (!item) return noContent();
      throw new CodedError(
        'BMSUserErrorContainerHasDatasources',
        `The container '${containerName(item)}' cannot be unregistered: it holds the backup item of '${item.vmName}'${item.softDelete ? ', which is soft-deleted' : ''}.`,
        {
          target: 'containerName',
          recommendations: ['Stop protection and delete the backup data; the container goes when the item is purged.'],
        },
      );
    },
  });

const inquire = (services: Services) =>
  route({
    method: 'POST',
    path: `${CONTAINER_PATH}/inquire`,
    action: `${ACTION}/inquire/action`,
    summary: 'Looks for workloads inside a container: a machine is backed up as a whole, none are looked for.',
    answers: ['202 + Location'],
    filter: { workloadType: 'string', backupManagementType: 'string' },
    async handler(context) {
      const { vault, machine } = await containerOf(services, context.params);
      await requireItem(services.db.queries, vault, machine);
      const scope = containerArmId(vaultArmId(vault), machine);
      const now = services.clock.now();
      const operation = await recordOperation(services.db.queries, { scope, now, vaultId: vault.id });
      return accepted(context, { resultPath: `${scope}/operationResults/${operation}` });
    },
  });

const results = (services: Services) =>
  route({
    method: 'GET',
    path: `${CONTAINER_PATH}/operationResults/{operationId}`,
    action: `${ACTION}/operationResults/read`,
    summary: 'Tells whether an operation on a container has ended.',
    answers: ['202 + Location', '204'],
    async handler(context) {
      const { vault, machine } = await containerOf(services, context.params);
      const scope = containerArmId(vaultArmId(vault), machine);
      const operation = await requireOperation(services.db.queries, scope, context.params.operationId);
      return operationResult(context, toRecord(operation));
    },
  });

async function containerOf(
  services: Services,
  params: ContainerParams,
): Promise<{ readonly vault: Vault; readonly machine: MachineName }> {
  requireFabric(params.fabricName);
  const vault = await requireVault(services, params);
  return { vault, machine: parseContainerName(params.containerName) };
}

/** Errors: BMSUserErrorInvalidConfigureProtectionRequest. */
function requireSource(machine: MachineName, sourceResourceId: string | undefined): void {
  if (sourceResourceId === undefined || sourceResourceId === '') return;
  const source = parseMachineId(sourceResourceId);
  if (source && isSameMachine(machine, { resourceGroup: source.resourceGroup, vmName: source.name })) return;
  throw new CodedError(
    'BMSUserErrorInvalidConfigureProtectionRequest',
    `sourceResourceId '${sourceResourceId.slice(0, 512)}' is not the id of the machine '${machine.vmName}' in the resource group '${machine.resourceGroup}', which the path names.`,
    { target: 'properties.sourceResourceId' },
  );
}
