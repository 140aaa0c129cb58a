import type { AuditRecord } from '../../db/audit.ts';
import { isoTime } from '../../lib/clock.ts';

/** An event of the activity log, as Azure's clients read it. */
export function eventToWire(record: AuditRecord, tenantId: string): Record<string, unknown> {
  const { resourceId, action, caller, callerName, correlationId } = record;
  const parts = resourceId.split('/');
  const at = isoTime(record.at);
  const eventDataId = eventIdOf(record);
  return {
    authorization: { action, scope: resourceId },
    caller: callerName || caller,
    channels: 'Operation',
    claims: caller === '' ? {} : { 'http://schemas.microsoft.com/identity/claims/objectidentifier': caller },
    correlationId,
    description: record.properties.description ?? record.properties.message ?? '',
    eventDataId,
    eventName: localizable('EndRequest'),
    category: localizable(record.category === 'Backup' ? 'Administrative' : record.category),
    eventTimestamp: at,
    submissionTimestamp: at,
    id: `${resourceId}/events/${eventDataId}/ticks/${record.at}`,
    level: record.level,
    operationId: correlationId,
    operationName: localizable(action),
    resourceGroupName: parts[3]?.toLowerCase() === 'resourcegroups' ? (parts[4] ?? '') : '',
    resourceProviderName: localizable(providerOf(record)),
    resourceType: localizable(action.split('/').slice(0, -1).join('/')),
    resourceId,
    status: localizable(record.status),
    subStatus: localizable(record.httpStatus === undefined ? '' : String(record.httpStatus)),
    properties: {
      ...record.properties,
      ...(record.errorCode === undefined ? {} : { errorCode: record.errorCode }),
      auditSequence: String(record.seq),
      auditHash: record.hash,
    },
    subscriptionId: parts[1]?.toLowerCase() === 'subscriptions' ? (parts[2] ?? '') : '',
    tenantId,
  };
}

/** 'Microsoft.RecoveryServices'. */
export const providerOf = ({ action }: Pick<AuditRecord, 'action'>): string => action.split('/')[0] ?? '';

const localizable = (value: string) => ({ value, localizedValue: value });

/** A UUID made of the event's own hash: the same whenever it is read. */
const eventIdOf = ({ hash }: AuditRecord): string =>
  [hash.slice(0, 8), hash.slice(8, 12), hash.slice(12, 16), hash.slice(16, 20), hash.slice(20, 32)].join('-');
