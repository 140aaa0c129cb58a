import { Type } from 'typebox';
import { noContent, ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { pageItems } from '../db/itemList.ts';
import { findItem, updateItem } from '../db/items.ts';
import { getPolicy, listPolicies } from '../db/policies.ts';
import { CodedError } from '../lib/error.ts';
import { isSameMachine, itemIdName, parseItemName } from '../vault/names.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { IGNORED, resourceBody } from './body/resourceBody.ts';
import { configureProtection } from './configureProtection.ts';
import { parseMachineId } from './ids.ts';
import { requireFabric } from './itemPath.ts';
import { requireVault, resourceNotFound } from './lookups.ts';
import { VAULT_PATH } from './paths.ts';
import type { Services } from './services.ts';
import { protectionIntentToWire } from './toWire/protectionIntent.ts';

const PATH = `${VAULT_PATH}/backupFabrics/{fabricName}/backupProtectionIntent/{intentObjectName}` as const;
const ACTION = 'Microsoft.RecoveryServices/Vaults/backupFabrics/backupProtectionIntent';
const TYPE = 'Microsoft.RecoveryServices/vaults/backupFabrics/backupProtectionIntent';
const BODY = resourceBody(
  Type.Object(
    {
      protectionIntentItemType: Type.Enum(['AzureResourceItem']),
      sourceResourceId: Type.String(),
      policyId: Type.String(),
      backupManagementType: Type.Optional(Type.Enum(['AzureIaasVM'])),
      itemId: IGNORED,
      protectionState: IGNORED,
      friendlyName: IGNORED,
    },
    { additionalProperties: false },
  ),
);

/** The portal's way to protect a machine: an intent is done as soon as it is there. */
export const backupProtectionIntents = (services: Services): readonly RouteTable[] => [
  defineRoutes({
    type: TYPE,
    apiVersions: BACKUP_VERSIONS,
    routes: [get(services), put(services), remove(services)],
  }),
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/backupProtectionIntents',
    apiVersions: BACKUP_VERSIONS,
    routes: [list(services)],
  }),
];

const get = (services: Services) =>
  route({
    method: 'GET',
    path: PATH,
    action: `${ACTION}/read`,
    summary: 'Gets the intent by which a machine was protected.',
    async handler({ params }) {
      requireFabric(params.fabricName);
      const { queries } = services.db;
      const vault = await requireVault(services, params);
      const machine = parseItemName(params.intentObjectName);
      const item = await findItem(queries, vault.id, machine.resourceGroup, machine.vmName);
      if (item?.intent === undefined)
        throw resourceNotFound(TYPE, `${vault.name}/${params.intentObjectName}`, vault.resourceGroup);
      const policy = item.policyId === undefined ? undefined : await getPolicy(queries, item.policyId);
      return ok(protectionIntentToWire(vault, item, policy));
    },
  });

const put = (services: Services) =>
  route({
    method: 'PUT',
    path: PATH,
    action: `${ACTION}/write`,
    summary: 'Protects a machine under a policy, as a PUT on its protected item does.',
    body: BODY,
    async handler(context) {
      const { params, body } = context;
      requireFabric(params.fabricName);
      const vault = await requireVault(services, params);
      const machine = parseItemName(params.intentObjectName);
      const { sourceResourceId, policyId } = body.properties;
      const source = parseMachineId(sourceResourceId);
      if (!source || !isSameMachine(machine, { resourceGroup: source.resourceGroup, vmName: source.name })) {
        throw new CodedError(
          'BMSUserErrorInvalidConfigureProtectionRequest',
          `sourceResourceId '${sourceResourceId.slice(0, 512)}' is not the id of the machine that the intent '${params.intentObjectName}' names.`,
          { target: 'properties.sourceResourceId' },
        );
      }
      const wanted = { protectedItemType: 'Microsoft.Compute/virtualMachines' as const, sourceResourceId, policyId };
      const intent = itemIdName(machine);
      const { item } = await configureProtection(services, context, vault, machine, wanted, intent);
      const policy = item.policyId === undefined ? undefined : await getPolicy(services.db.queries, item.policyId);
      return ok(protectionIntentToWire(vault, item, policy));
    },
  });

const remove = (services: Services) =>
  route({
    method: 'DELETE',
    path: PATH,
    action: `${ACTION}/delete`,
    summary: 'Removes an intent: the protection it asked for stays, and is stopped at the protected item.',
    answers: ['204'],
    async handler({ params }) {
      requireFabric(params.fabricName);
      const machine = parseItemName(params.intentObjectName);
      const vault = await requireVault(services, params);
      await services.db.transaction(async (tx) => {
        const item = await findItem(tx, vault.id, machine.resourceGroup, machine.vmName);
        if (item?.intent === undefined) return;
        const { intent: _, ...rest } = item;
        await updateItem(tx, rest);
      });
      return noContent();
    },
  });

const list = (services: Services) =>
  route({
    method: 'GET',
    path: `${VAULT_PATH}/backupProtectionIntents`,
    action: 'Microsoft.RecoveryServices/Vaults/backupProtectionIntents/read',
    summary: 'Lists the intents by which machines were protected.',
    filter: {
      backupManagementType: 'string',
      itemType: 'string',
      itemName: 'string',
      parentName: 'string',
      friendlyName: 'string',
    },
    async handler(context) {
      const { queries } = services.db;
      const vault = await requireVault(services, context.params);
      if (context.filter && isForOthers(context.filter.text)) return context.list([]);
      const { size, cursor } = context.page;
      const paging = { limit: size, ...(cursor === undefined ? {} : { after: cursor }) };
      const page = await pageItems(queries, { vaultId: vault.id, hasIntent: true }, paging);
      const policies = new Map((await listPolicies(queries, vault.id)).map((policy) => [policy.id, policy]));
      const show = page.values.map((item) => protectionIntentToWire(vault, item, policies.get(item.policyId ?? '')));
      return context.list(show, page.next);
    },
  });

/** az asks for the intents of SQL and SAP before it deletes a vault; there are none. */
const isForOthers = (filter: string): boolean => /AzureWorkload|AzureSql|AzureStorage|SQL|SAP/i.test(filter);
