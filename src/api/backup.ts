import { Type } from 'typebox';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { CodedError } from '../lib/error.ts';
import { assertCanBackUp } from '../vault/protection.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { resourceBody } from './body/resourceBody.ts';
import { itemOperationAccepted } from './itemOperation.ts';
import { findPathItem } from './itemPath.ts';
import { recordOperation } from './operationRecords.ts';
import type { Services } from './services.ts';
import { ITEM_PATH } from './vaultPath.ts';

const DAY_MS = 86_400_000;
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
        body: BODY,
        async handler(context) {
          const { vault, item, id } = await findPathItem(services, context.params);
          assertCanBackUp(item);
          const now = services.clock.now();
          const retainUntil = readExpiry(context.body.properties.recoveryPointExpiryTimeInUTC, now);
          const by = { objectId: context.principal.objectId, name: context.principal.name };
          const jobId = await services.jobs.requestBackup(item.id, { userTriggered: true, retainUntil, by });
          const operation = await recordOperation(services.db.queries, { scope: id, now, vaultId: vault.id, jobId });
          return itemOperationAccepted(context, id, operation);
        },
      }),
    ],
  });

/** ms since epoch; 30 days from now when absent. Errors: BadRequest. */
export function readExpiry(text: string | undefined, now: number): number {
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
