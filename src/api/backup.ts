import { Type } from 'typebox';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { countOnDemandBackups } from '../db/jobCounts.ts';
import { countPoints } from '../db/points.ts';
import { DAY_MS, isoTime } from '../lib/clock.ts';
import { CodedError } from '../lib/error.ts';
import { itemName } from '../vault/names.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import { assertCanBackUp } from '../vault/protection.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { resourceBody } from './body/resourceBody.ts';
import { itemOperationAccepted } from './itemOperation.ts';
import { findPathItem } from './itemPath.ts';
import { recordOperation } from './operationRecords.ts';
import { ITEM_PATH } from './paths.ts';
import type { Services } from './services.ts';

const DEFAULT_RETENTION_MS = 30 * DAY_MS;
/** Azure's limit of 99 years, in days of the mean year. */
const MAX_RETENTION_MS = Math.floor(99 * 365.25) * DAY_MS;

const BODY = resourceBody(
  Type.Object(
    {
      objectType: Type.Enum(['IaasVMBackupRequest']),
      recoveryPointExpiryTimeInUTC: Type.Optional(Type.String()),
    },
    { additionalProperties: false },
  ),
);

export const backup = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/backup',
    apiVersions: BACKUP_VERSIONS,
    routes: [
      route({
        method: 'POST',
        path: `${ITEM_PATH}/backup`,
        action: 'Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/backup/action',
        summary: 'Backs a machine up now.',
        answers: ['202 + Azure-AsyncOperation + Location'],
        body: BODY,
        async handler(context) {
          const { vault, item, id } = await findPathItem(services, context.params);
          assertCanBackUp(item);
          const now = services.clock.now();
          await assertRoomInDay(services, item, now);
          await assertRoomForPoint(services, item);
          const retainUntil = readExpiry(context.body.properties.recoveryPointExpiryTimeInUTC, now);
          const by = { objectId: context.principal.objectId, name: context.principal.name };
          const jobId = await services.jobs.requestBackup(item.id, { userTriggered: true, retainUntil, by });
          const operation = await recordOperation(services.db.queries, { scope: id, now, vaultId: vault.id, jobId });
          return itemOperationAccepted(context, id, operation);
        },
      }),
    ],
  });

/** Of a UTC day, as Azure counts. Errors: UserErrorOnDemandLimitReached. */
async function assertRoomInDay({ db, config }: Services, item: ProtectedItem, now: number): Promise<void> {
  const midnight = Math.floor(now / DAY_MS) * DAY_MS;
  const limit = config.limits.onDemandBackupsInDay;
  if ((await countOnDemandBackups(db.queries, item.id, midnight)) < limit) return;
  throw new CodedError(
    'UserErrorOnDemandLimitReached',
    `'${item.vmName}' was backed up on demand ${limit} times today (UTC), which is as often as it may.`,
    {
      target: itemName(item),
      recommendations: [
        `Try again after ${isoTime(midnight + DAY_MS)}, or raise onDemandBackupsInDay in STRONGROOM_LIMITS. Scheduled backups go on.`,
      ],
    },
  );
}

/** The points of a schedule end by themselves, and its backups go on. Errors: UserErrorRecoveryPointLimitReached. */
async function assertRoomForPoint({ db, config }: Services, item: ProtectedItem): Promise<void> {
  const limit = config.limits.pointsOfItem;
  if ((await countPoints(db.queries, item.id)) < limit) return;
  throw new CodedError(
    'UserErrorRecoveryPointLimitReached',
    `'${item.vmName}' has ${limit} recovery points, which is as many as it may.`,
    {
      target: itemName(item),
      recommendations: [
        'Shorten the retention of its policy, or raise pointsOfItem in STRONGROOM_LIMITS. Scheduled backups go on.',
      ],
    },
  );
}

/** ms since epoch; 30 days from now when absent. Errors: BadRequest. */
function readExpiry(text: string | undefined, now: number): number {
  if (text === undefined || text === '') return now + DEFAULT_RETENTION_MS;
  const expiry = parseUtc(text);
  if (expiry > now && expiry <= now + MAX_RETENTION_MS) return expiry;
  throw new CodedError(
    'BadRequest',
    `recoveryPointExpiryTimeInUTC is '${text.slice(0, 64)}'; legal is an ISO 8601 time after now and within 99 years, such as '${new Date(now + DEFAULT_RETENTION_MS).toISOString()}'.`,
    { target: 'properties.recoveryPointExpiryTimeInUTC' },
  );
}

/** The field is UTC by name: a time without an offset is one. NaN when it is no time. */
function parseUtc(text: string): number {
  const shape = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,7})?)?)(Z|[+-]\d{2}:?\d{2})?)?$/i.exec(text);
  if (!shape) return Number.NaN;
  const [, date, time = '00:00', offset = 'Z'] = shape;
  return Date.parse(`${date}T${time}${offset.toUpperCase()}`);
}
