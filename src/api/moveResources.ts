import { Type } from 'typebox';
import { operationResult } from '../arm/operation.ts';
import { accepted, noContent } from '../arm/respond.ts';
import { type ArmContext, defineRoutes, type RouteTable, route } from '../arm/route.ts';
import type { Queries } from '../db/schema.ts';
import { forgetScope } from '../db/scopes.ts';
import { findVault, updateVault } from '../db/vaults.ts';
import { CodedError } from '../lib/error.ts';
import { groupArmId, vaultArmId } from '../vault/armIds.ts';
import type { Vault } from '../vault/vault.ts';
import { after } from '../vault/vaultRules.ts';
import { RESOURCE_VERSIONS } from './apiVersions.ts';
import { sameName } from './ids.ts';
import { type GroupParams, type GroupView, requireGroup, resourceNotFound } from './lookups.ts';
import { recordOperation, requireOperation, toRecord } from './operationRecords.ts';
import { GROUP_PATH } from './paths.ts';
import type { Services } from './services.ts';

const TYPE = 'Microsoft.Resources/subscriptions/resourceGroups';
const VAULT_TYPE = 'Microsoft.RecoveryServices/vaults';

const BODY = Type.Object(
  {
    resources: Type.Array(Type.String({ maxLength: 1024 }), { minItems: 1, maxItems: 800 }),
    targetResourceGroup: Type.String({ minLength: 1, maxLength: 512 }),
  },
  { additionalProperties: false },
);
type Move = { readonly resources: readonly string[]; readonly targetResourceGroup: string };

/** Vaults move between the resource groups of the subscription, with all that is in them. */
export const moveResources = (services: Services): RouteTable =>
  defineRoutes({
    type: `${TYPE}/moveResources`,
    apiVersions: RESOURCE_VERSIONS,
    routes: [
      route({
        method: 'POST',
        path: `${GROUP_PATH}/moveResources`,
        action: `${TYPE}/moveResources/action`,
        summary: 'Moves vaults to another resource group; their store stays where it is.',
        answers: ['202 + Location'],
        body: BODY,
        async handler(context) {
          const { group, target } = await groupsOf(services, context, context.params, context.body);
          const operation = crypto.randomUUID();
          await services.db.transaction(async (tx) => {
            for (const vault of await vaultsOf(tx, services, group, context.body)) {
              // as in Azure, roles and locks on the vault itself do not move with it; nor may they wait for another
              await forgetScope(tx, vaultArmId(vault));
              await updateVault(tx, moved(vault, target, operation, services.clock.now()));
            }
          });
          return polled(services, context, group);
        },
      }),
      route({
        method: 'POST',
        path: `${GROUP_PATH}/validateMoveResources`,
        action: `${TYPE}/validateMoveResources/action`,
        summary: 'Tells whether vaults could move to another resource group.',
        answers: ['202 + Location'],
        body: BODY,
        async handler(context) {
          const { group } = await groupsOf(services, context, context.params, context.body);
          await vaultsOf(services.db.queries, services, group, context.body);
          return polled(services, context, group);
        },
      }),
      route({
        method: 'GET',
        path: `${GROUP_PATH}/moveResources/operationResults/{operationId}`,
        action: `${TYPE}/read`,
        summary: 'Tells whether a move of resources has ended.',
        answers: ['202 + Location', '204'],
        async handler(context) {
          const scope = groupArmId(context.params.subscriptionId, context.params.resourceGroupName);
          const operation = await requireOperation(services.db.queries, scope, context.params.operationId);
          return operationResult(context, toRecord(operation), noContent());
        },
      }),
    ],
  });

async function polled(services: Services, context: ArmContext, group: GroupView) {
  const scope = groupArmId(services.config.subscriptionId, group.name);
  const operation = await recordOperation(services.db.queries, { scope, now: services.clock.now() });
  return accepted(context, { resultPath: `${scope}/moveResources/operationResults/${operation}` });
}

/** Errors: ResourceGroupNotFound, BadRequest, AuthorizationFailed. */
async function groupsOf(
  services: Services,
  context: Pick<ArmContext, 'demand' | 'signal'>,
  params: GroupParams,
  { targetResourceGroup }: Move,
): Promise<{ group: GroupView; target: GroupView }> {
  const group = await requireGroup(services, params, context.signal);
  const { subscriptionId } = services.config;
  const [, subscription = '', name = ''] =
    /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/?$/i.exec(targetResourceGroup) ?? [];
  if (!sameName(subscription, subscriptionId) || sameName(name, group.name))
    throw new CodedError(
      'BadRequest',
      `targetResourceGroup is '${targetResourceGroup.slice(0, 256)}'; legal is the id of another resource group of this subscription: '${groupArmId(subscriptionId, '{name}')}'.`,
      { target: 'targetResourceGroup' },
    );
  const target = await requireGroup(services, { subscriptionId, resourceGroupName: name }, context.signal);
  await context.demand(`${VAULT_TYPE}/write`, groupArmId(subscriptionId, target.name));
  return { group, target };
}

/** Errors: BadRequest (another type, another group), ResourceNotFound. */
async function vaultsOf(tx: Queries, services: Services, group: GroupView, { resources }: Move): Promise<Vault[]> {
  const { subscriptionId } = services.config;
  const prefix = `${groupArmId(subscriptionId, group.name)}/providers/${VAULT_TYPE}/`;
  const found: Vault[] = [];
  for (const id of resources) {
    const name = id.slice(prefix.length);
    if (!sameName(id.slice(0, prefix.length), prefix) || !/^[\w-]+$/.test(name))
      throw new CodedError(
        'BadRequest',
        `resources names '${id.slice(0, 512)}'; only vaults of the group move: '${prefix}{name}'.`,
        { target: 'resources' },
      );
    const vault = await findVault(tx, subscriptionId, group.name, name);
    if (!vault) throw resourceNotFound(VAULT_TYPE, name, group.name);
    found.push(vault);
  }
  return found;
}

function moved(vault: Vault, target: GroupView, operationId: string, now: number): Vault {
  const there: Vault = { ...vault, resourceGroup: target.name, updatedAt: after(vault, now) };
  return { ...there, moved: { operationId, at: now, from: vaultArmId(vault), to: vaultArmId(there) } };
}
