import { type FilterProperties, matches } from '../arm/filter.ts';
import { type ArmContext, defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { listItems } from '../db/items.ts';
import { listPolicies } from '../db/policies.ts';
import { isSameMachine, parseContainerName, shortContainerName } from '../vault/names.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import type { Vault } from '../vault/vault.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { listFromAsync } from './asyncList.ts';
import { requireFabric } from './itemPath.ts';
import { showItem } from './itemView.ts';
import { requireVault } from './lookups.ts';
import type { Services } from './services.ts';
import { CONTAINER_PATH, VAULT_PATH } from './vaultPath.ts';

const FILTER: FilterProperties = {
  backupManagementType: 'string',
  itemType: 'string',
  workloadType: 'string',
  policyName: 'string',
  containerName: 'string',
  friendlyName: 'string',
  fabricName: 'string',
  healthState: 'string',
  protectionState: 'string',
  isScheduledForDeferredDelete: 'boolean',
  expand: 'string',
};

export const backupProtectedItems = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/backupProtectedItems',
    apiVersions: BACKUP_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: `${VAULT_PATH}/backupProtectedItems`,
        action: 'Microsoft.RecoveryServices/Vaults/backupProtectedItems/read',
        summary: 'Lists the protected items of a vault.',
        filter: FILTER,
        async handler(context) {
          const vault = await requireVault(services, context.params);
          return list(services, context, vault, await listItems(services.db.queries, { vaultId: vault.id }));
        },
      }),
      route({
        method: 'GET',
        path: `${CONTAINER_PATH}/items`,
        action: 'Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/items/read',
        summary: 'Lists the protected items of a container: the one machine.',
        filter: FILTER,
        async handler(context) {
          requireFabric(context.params.fabricName);
          const vault = await requireVault(services, context.params);
          const machine = parseContainerName(context.params.containerName);
          const items = await listItems(services.db.queries, { vaultId: vault.id });
          return list(
            services,
            context,
            vault,
            items.filter((item) => isSameMachine(item, machine)),
          );
        },
      }),
    ],
  });

async function list(
  services: Services,
  context: Pick<ArmContext, 'listFrom' | 'filter'>,
  vault: Vault,
  items: readonly ProtectedItem[],
) {
  const { queries } = services.db;
  const policyNames = new Map((await listPolicies(queries, vault.id)).map((policy) => [policy.id, policy.name]));
  const found = items.filter((item) => matches(context.filter, (name) => filterValue(item, policyNames, name)));
  const now = services.clock.now();
  return listFromAsync(
    context,
    found,
    (item) => item.id,
    (item) => showItem(queries, vault, item, { extended: false, now }),
  );
}

function filterValue(
  item: ProtectedItem,
  policyNames: ReadonlyMap<string, string>,
  name: string,
): string | boolean | undefined {
  switch (name) {
    case 'backupManagementType':
      return 'AzureIaasVM';
    case 'itemType':
    case 'workloadType':
      return 'VM';
    case 'fabricName':
      return 'Azure';
    case 'policyName':
      return item.policyId === undefined ? '' : policyNames.get(item.policyId);
    case 'containerName':
      return shortContainerName(item);
    case 'friendlyName':
      return item.vmName;
    case 'healthState':
      return item.lastBackup?.status === 'Failed' ? 'ActionRequired' : 'Passed';
    case 'protectionState':
      return item.protectionState;
    case 'isScheduledForDeferredDelete':
      return item.softDelete !== undefined;
    default:
      return 'extendedinfo';
  }
}
