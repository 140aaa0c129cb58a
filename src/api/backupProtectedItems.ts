import type { ArmResult } from '../arm/respond.ts';
import { type ArmContext, defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { type ItemFilter, pageItems } from '../db/itemList.ts';
import { newestPointTimes } from '../db/pointSpan.ts';
import { listPolicies } from '../db/policies.ts';
import { parseContainerName } from '../vault/names.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import type { Vault } from '../vault/vault.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { asksSecondary, requireSecondary } from './crossRegion/secondary.ts';
import { ITEM_FILTER, itemQuery } from './itemFilter.ts';
import { requireFabric } from './itemPath.ts';
import { showItem } from './itemView.ts';
import { requireVault } from './lookups.ts';
import { CONTAINER_PATH, VAULT_PATH } from './paths.ts';
import type { Services } from './services.ts';
import { protectedItemToWire } from './toWire/protectedItem.ts';

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
        filter: ITEM_FILTER,
        async handler(context) {
          const vault = await requireVault(services, context.params);
          if (asksSecondary(context)) await requireSecondary(services, vault);
          return list(services, context, vault, {});
        },
      }),
      route({
        method: 'GET',
        path: `${CONTAINER_PATH}/items`,
        action: 'Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/items/read',
        summary: 'Lists the protected items of a container: the one machine.',
        filter: ITEM_FILTER,
        async handler(context) {
          requireFabric(context.params.fabricName);
          const { resourceGroup, vmName } = parseContainerName(context.params.containerName);
          return list(services, context, await requireVault(services, context.params), { resourceGroup, vmName });
        },
      }),
    ],
  });

async function list(
  services: Services,
  context: Pick<ArmContext, 'list' | 'page' | 'filter'>,
  vault: Vault,
  within: ItemFilter,
): Promise<ArmResult> {
  const { queries } = services.db;
  const { filter, isExpanded } = await itemQuery(queries, vault, context.filter);
  if (!filter) return context.list([]);
  const { size, cursor } = context.page;
  const page = await pageItems(
    queries,
    { ...filter, ...within },
    { limit: size, ...(cursor === undefined ? {} : { after: cursor }) },
  );
  const shown = isExpanded
    ? await inOrder(page.values, (item) =>
        showItem(queries, vault, item, { extended: true, now: services.clock.now() }),
      )
    : await briefly(services, vault, page.values);
  return context.list(shown, page.next);
}

/** Two questions to the database, however many items there are. */
async function briefly(services: Services, vault: Vault, items: readonly ProtectedItem[]): Promise<readonly unknown[]> {
  const { queries } = services.db;
  const policies = new Map((await listPolicies(queries, vault.id)).map((policy) => [policy.id, policy]));
  const newest = await newestPointTimes(
    queries,
    items.map(({ id }) => id),
  );
  const now = services.clock.now();
  return items.map((item) => {
    const policy = item.policyId === undefined ? undefined : policies.get(item.policyId);
    return protectedItemToWire(item, { vault, policy, newestPointAt: newest.get(item.id), now });
  });
}

async function inOrder<T>(items: readonly T[], show: (item: T) => Promise<unknown>): Promise<readonly unknown[]> {
  const shown: unknown[] = [];
  for (const item of items) shown.push(await show(item));
  return shown;
}
