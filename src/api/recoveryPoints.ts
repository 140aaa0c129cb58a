import { type Condition, conditionsOf } from '../arm/filter.ts';
import { ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { getPoint, listPoints, type PointFilter } from '../db/points.ts';
import { CodedError } from '../lib/error.ts';
import { isRestorable, type RecoveryPoint } from '../vault/recoveryPoint.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { type FoundItem, findPathItem } from './itemPath.ts';
import type { Services } from './services.ts';
import { recoveryPointToWire } from './toWire/recoveryPoint.ts';
import { ITEM_PATH } from './vaultPath.ts';

const TYPE = 'Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints';
const ACTION = 'Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints';

export const recoveryPoints = (services: Services): RouteTable =>
  defineRoutes({
    type: TYPE,
    apiVersions: BACKUP_VERSIONS,
    routes: [list(services), get(services), recommended(services)],
  });

const list = (services: Services) =>
  route({
    method: 'GET',
    path: `${ITEM_PATH}/recoveryPoints`,
    action: `${ACTION}/read`,
    summary: 'Lists the recovery points of an item, newest first.',
    filter: { startDate: 'dateTime', endDate: 'dateTime' },
    async handler(context) {
      const { item, id } = await findPathItem(services, context.params);
      const { size, cursor } = context.page;
      const page = await listPoints(services.db.queries, item.id, pointFilter(conditionsOf(context.filter)), {
        limit: size,
        ...(cursor === undefined ? {} : { after: cursor }),
      });
      return context.list(
        page.values.map((point) => recoveryPointToWire(id, point)),
        page.next,
      );
    },
  });

const get = (services: Services) =>
  route({
    method: 'GET',
    path: `${ITEM_PATH}/recoveryPoints/{recoveryPointId}`,
    action: `${ACTION}/read`,
    summary: 'Gets a recovery point.',
    async handler({ params }) {
      const found = await findPathItem(services, params);
      return ok(recoveryPointToWire(found.id, await requirePoint(services, found, params.recoveryPointId)));
    },
  });

const recommended = (services: Services) =>
  route({
    method: 'POST',
    path: `${ITEM_PATH}/recoveryPointsRecommendedForMove`,
    action: `${ACTION}RecommendedForMove/action`,
    summary: 'Lists the recovery points that could move to an archive tier: none, there is no such tier.',
    async handler(context) {
      await findPathItem(services, context.params);
      return context.list([]);
    },
  });

/** Errors: ResourceNotFound. */
export async function requirePoint(
  services: Services,
  { vault, item }: FoundItem,
  pointId: string,
): Promise<RecoveryPoint> {
  const point = await getPoint(services.db.queries, item.id, pointId);
  if (point && isRestorable(point)) return point;
  throw new CodedError(
    'ResourceNotFound',
    `The recovery point '${pointId}' of '${item.vmName}' was not found in the vault '${vault.name}'.`,
    { target: 'recoveryPointId', recommendations: ['List the recovery points: it may have expired.'] },
  );
}

/** startDate and endDate are bounds, whatever operator az spells between name and value. */
function pointFilter(conditions: readonly Condition[]): PointFilter {
  const lookUp = (name: string) => conditions.find(({ property }) => property === name)?.value as number | undefined;
  const [takenFrom, takenTo] = [lookUp('startDate'), lookUp('endDate')];
  return {
    restorableOnly: true,
    ...(takenFrom === undefined ? {} : { takenFrom }),
    ...(takenTo === undefined ? {} : { takenTo }),
  };
}
