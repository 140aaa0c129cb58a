import { type Condition, conditionsOf } from '../arm/filter.ts';
import { ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { pointsHealth } from '../db/pointHealth.ts';
import { getPoint, listPoints, type PointFilter } from '../db/points.ts';
import { getStoreState } from '../db/storeStates.ts';
import { CodedError } from '../lib/error.ts';
import { isRestorable, type RecoveryPoint } from '../vault/recoveryPoint.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { asksSecondary, onSecondary, requireSecondary } from './crossRegion/secondary.ts';
import { type FoundItem, findPathItem } from './itemPath.ts';
import { ITEM_PATH } from './paths.ts';
import type { Services } from './services.ts';
import { recoveryPointToWire } from './toWire/recoveryPoint.ts';

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
    filter: {
      startDate: 'dateTime',
      endDate: 'dateTime',
      restorePointQueryType: 'string',
      extendedInfo: 'boolean',
      moveReadyRPOnly: 'boolean',
      includeSoftDeletedRP: 'boolean',
    },
    async handler(context) {
      const { vault, item, id } = await findPathItem(services, context.params);
      const secondary = asksSecondary(context) ? await requireSecondary(services, vault) : undefined;
      const { size, cursor } = context.page;
      const filter = pointFilter(conditionsOf(context.filter));
      if (!filter) return context.list([]);
      const page = await listPoints(services.db.queries, item.id, filter, {
        limit: size,
        ...(cursor === undefined ? {} : { after: cursor }),
      });
      const hidden = await notOnSecondary(services, item.vaultId);
      const health = await pointsHealth(services.db.queries, item.id, page.values);
      return context.list(
        page.values
          .filter((point) => !hidden.has(point.id))
          .flatMap((point) => (secondary ? (onSecondary(secondary, point) ?? []) : point))
          .map((point) => recoveryPointToWire(id, point, health.get(point.id))),
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
      const point = await requirePoint(services, found, params.recoveryPointId);
      const health = await pointsHealth(services.db.queries, found.item.id, [point]);
      return ok(recoveryPointToWire(found.id, point, health.get(point.id)));
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
  if (point && isRestorable(point) && !(await notOnSecondary(services, item.vaultId)).has(point.id)) return point;
  throw new CodedError(
    'ResourceNotFound',
    `The recovery point '${pointId}' of '${item.vmName}' was not found in the vault '${vault.name}'.`,
    { target: 'recoveryPointId', recommendations: ['List the recovery points: it may have expired.'] },
  );
}

/** A vault that is failed over has the points of its secondary. */
async function notOnSecondary({ db }: Services, vaultId: string): Promise<ReadonlySet<string>> {
  const failedOver = (await getStoreState(db.queries, vaultId)).replication?.failedOver;
  return new Set((failedOver as { readonly missingPoints: readonly string[] } | undefined)?.missingPoints);
}

/** What a machine has: every point is a whole one. The other kinds are those of databases. */
const QUERY_TYPES = ['All', 'Full', 'FullAndDifferential', 'SnapshotFull', 'SnapshotCopyOnlyFull'];
const OTHER_QUERY_TYPES = ['Invalid', 'Log', 'Differential', 'Incremental'];

/**
 * startDate and endDate are bounds, whatever operator az spells between name and value. undefined: nothing is found, as
 * no point of a machine is of that kind, or none could move to an archive tier. Errors: InvalidFilter.
 */
function pointFilter(conditions: readonly Condition[]): PointFilter | undefined {
  const lookUp = (name: string) => conditions.find(({ property }) => property === name)?.value;
  const [takenFrom, takenTo] = [lookUp('startDate') as number | undefined, lookUp('endDate') as number | undefined];
  if (takenFrom !== undefined && takenTo !== undefined && takenFrom > takenTo)
    throw new CodedError('InvalidFilter', '$filter: startDate must not be after endDate.', { target: '$filter' });
  if (lookUp('moveReadyRPOnly') === true || !isOfMachines(lookUp('restorePointQueryType'))) return undefined;
  return {
    restorableOnly: true,
    ...(takenFrom === undefined ? {} : { takenFrom }),
    ...(takenTo === undefined ? {} : { takenTo }),
  };
}

/** Errors: InvalidFilter. */
function isOfMachines(type: unknown): boolean {
  if (type === undefined) return true;
  const is = (name: string) => name.toLowerCase() === String(type).toLowerCase();
  if (QUERY_TYPES.some(is)) return true;
  if (OTHER_QUERY_TYPES.some(is)) return false;
  throw new CodedError(
    'InvalidFilter',
    `$filter: restorePointQueryType is '${String(type).slice(0, 64)}'; legal are ${[...QUERY_TYPES, ...OTHER_QUERY_TYPES].join(', ')}.`,
    { target: '$filter' },
  );
}
