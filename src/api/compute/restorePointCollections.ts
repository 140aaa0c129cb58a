import { Type } from 'typebox';
import { noContent, ok } from '../../arm/respond.ts';
import { type ArmContext, defineRoutes, type RouteTable, route } from '../../arm/route.ts';
import { pageItems } from '../../db/itemList.ts';
import { updateItem } from '../../db/items.ts';
import { allPoints, getPoint } from '../../db/points.ts';
import type { Queries } from '../../db/schema.ts';
import { getVault } from '../../db/vaults.ts';
import { CodedError, type ErrorDetail } from '../../lib/error.ts';
import type { ProtectedItem } from '../../vault/protectedItem.ts';
import { hasSnapshot } from '../../vault/recoveryPoint.ts';
import { collectionName } from '../../vault/snapshotGroup.ts';
import type { Vault } from '../../vault/vault.ts';
import { COMPUTE_VERSIONS } from '../apiVersions.ts';
import { sameName } from '../ids.ts';
import { type GroupParams, requireGroup, requireSubscription, resourceNotFound } from '../lookups.ts';
import { GROUP_PATH } from '../paths.ts';
import type { Services } from '../services.ts';
import { collectionToWire, restorePointToWire } from '../toWire/restorePointCollection.ts';

const TYPE = 'Microsoft.Compute/restorePointCollections';
const POINT_TYPE = `${TYPE}/restorePoints` as const;
const PATH = `${GROUP_PATH}/providers/${TYPE}/{restorePointCollectionName}` as const;
const EXPAND = Type.Object({ $expand: Type.Optional(Type.String()) });

/** The snapshots kept on hosts for instant restore, as the collections that Azure keeps them in. Only backups make them. */
export const restorePointCollections = (services: Services): readonly RouteTable[] => [
  defineRoutes({
    type: TYPE,
    apiVersions: COMPUTE_VERSIONS,
    routes: [listAll(services), listOfGroup(services), get(services), remove(services)],
  }),
  defineRoutes({ type: POINT_TYPE, apiVersions: COMPUTE_VERSIONS, routes: [getPointOf(services)] }),
];

/** Why a resource group cannot be deleted: collections of it hold snapshots that recovery points need. */
export async function snapshotsInGroup(queries: Queries, resourceGroup: string): Promise<readonly ErrorDetail[]> {
  const { values } = await pageItems(queries, { snapshotGroup: resourceGroup });
  const details: ErrorDetail[] = [];
  for (const item of values) {
    const points = await allPoints(queries, item.id, { snapshotOnly: true });
    if (points.length === 0) continue;
    const name = collectionName(item);
    details.push({
      code: 'OperationNotAllowed',
      message: `The restore point collection '${name}' holds ${points.length} snapshots of '${item.vmName}', from which it can be restored at once.`,
      target: name,
    });
  }
  return details;
}

const listAll = (services: Services) =>
  route({
    method: 'GET',
    path: `/subscriptions/{subscriptionId}/providers/${TYPE}`,
    action: `${TYPE}/read`,
    summary: 'Lists the restore point collections of all groups.',
    async handler(context) {
      requireSubscription(services, context.params.subscriptionId);
      return list(services, context, 'any');
    },
  });

const listOfGroup = (services: Services) =>
  route({
    method: 'GET',
    path: `${GROUP_PATH}/providers/${TYPE}`,
    action: `${TYPE}/read`,
    summary: 'Lists the restore point collections of a resource group.',
    async handler(context) {
      const group = await requireGroup(services, context.params, context.signal);
      return list(services, context, group.name);
    },
  });

const get = (services: Services) =>
  route({
    method: 'GET',
    path: PATH,
    action: `${TYPE}/read`,
    summary: 'Gets a restore point collection; with $expand=restorePoints also its points.',
    query: EXPAND,
    async handler({ params, query }) {
      const found = await requireCollection(services, params);
      const isExpanded = query.$expand?.toLowerCase() === 'restorepoints';
      const points = isExpanded
        ? await allPoints(services.db.queries, found.item.id, { snapshotOnly: true })
        : undefined;
      return ok(collectionToWire(found, points));
    },
  });

const remove = (services: Services) =>
  route({
    method: 'DELETE',
    path: PATH,
    action: `${TYPE}/delete`,
    summary: 'Deletes an empty restore point collection; refused while recovery points need its snapshots.',
    async handler({ params }) {
      const { item } = await requireCollection(services, params);
      await services.db.transaction(async (tx) => {
        const points = await allPoints(tx, item.id, { snapshotOnly: true });
        if (points.length > 0) throw inUse(item, points.length);
        const { snapshotGroup: _, ...rest } = item;
        await updateItem(tx, rest);
      });
      return noContent();
    },
  });

const getPointOf = (services: Services) =>
  route({
    method: 'GET',
    path: `${PATH}/restorePoints/{restorePointName}`,
    action: `${POINT_TYPE}/read`,
    summary: 'Gets a restore point: the snapshot of a machine, with its disks.',
    async handler({ params }) {
      const found = await requireCollection(services, params);
      const point = await getPoint(services.db.queries, found.item.id, params.restorePointName);
      if (point && hasSnapshot(point)) return ok(restorePointToWire(found, point));
      const name = `${params.restorePointCollectionName}/${params.restorePointName}`;
      throw resourceNotFound(POINT_TYPE, name, params.resourceGroupName);
    },
  });

async function list(services: Services, context: Pick<ArmContext, 'list' | 'page'>, snapshotGroup: string) {
  const { queries } = services.db;
  const { size, cursor } = context.page;
  const paging = { limit: size, ...(cursor === undefined ? {} : { after: cursor }) };
  const page = await pageItems(queries, { snapshotGroup }, paging);
  const shown: unknown[] = [];
  for (const item of page.values) {
    const vault = await getVault(queries, item.vaultId);
    if (vault) shown.push(collectionToWire({ item, vault, group: item.snapshotGroup ?? '' }));
  }
  return context.list(shown, page.next);
}

export interface FoundCollection {
  readonly item: ProtectedItem;
  readonly vault: Vault;
  readonly group: string;
}

/** Errors: SubscriptionNotFound, ResourceNotFound. */
async function requireCollection(
  services: Services,
  params: GroupParams & { readonly restorePointCollectionName: string },
): Promise<FoundCollection> {
  requireSubscription(services, params.subscriptionId);
  const { queries } = services.db;
  const name = params.restorePointCollectionName;
  for (let after: string | undefined; ; ) {
    const page = await pageItems(
      queries,
      { snapshotGroup: params.resourceGroupName, ...machineIn(name) },
      after === undefined ? {} : { after },
    );
    const item = page.values.find((other) => sameName(collectionName(other), name));
    const vault = item && (await getVault(queries, item.vaultId));
    if (item && vault) return { item, vault, group: item.snapshotGroup ?? '' };
    if (page.next === undefined) throw resourceNotFound(TYPE, name, params.resourceGroupName);
    after = page.next;
  }
}

/** The machine that a collection's name holds. */
const machineIn = (name: string): { readonly vmName?: string } => {
  const vmName = /^AzureBackup_(.+)_\d+$/i.exec(name)?.[1];
  return vmName === undefined ? {} : { vmName };
};

const inUse = (item: ProtectedItem, count: number): CodedError =>
  new CodedError(
    'OperationNotAllowed',
    `The restore point collection '${collectionName(item)}' cannot be deleted: ${count} recovery points of '${item.vmName}' are restored from its snapshots.`,
    {
      target: collectionName(item),
      recommendations: [
        'Snapshots are let go after the days of instant restore that the policy says; stop protection and delete the data to let go of all.',
      ],
    },
  );
