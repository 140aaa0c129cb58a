import { createHash } from 'node:crypto';
import type { Queries } from './schema.ts';

/** What was done to a resource, or refused. */
export interface AuditEvent {
  /** ms since epoch. */
  readonly at: number;
  readonly correlationId: string;
  /** Object id of the principal, 'schedule' or 'system'; '' when nobody proved who he is. */
  readonly caller: string;
  /** For people. */
  readonly callerName: string;
  /** 'Microsoft.RecoveryServices/vaults/write'. */
  readonly action: string;
  /** ARM id. */
  readonly resourceId: string;
  readonly category: 'Administrative' | 'Security' | 'Alert' | 'Policy' | 'Backup';
  readonly level: 'Informational' | 'Warning' | 'Error' | 'Critical';
  readonly status: 'Started' | 'Accepted' | 'Succeeded' | 'Failed';
  readonly httpStatus?: number;
  /** Error code of what failed. */
  readonly errorCode?: string;
  /** No secrets. */
  readonly properties: Readonly<Record<string, string>>;
}

export interface AuditRecord extends AuditEvent {
  /** From 1, without gaps. */
  readonly seq: number;
  /** Hex SHA-256 over the hash before and the event. */
  readonly hash: string;
}

/** Appends an event to the chain; call it inside the transaction of what it tells, where there is one. */
export const appendAudit = async (db: Queries, event: AuditEvent): Promise<AuditRecord> => {
  const last = await db.selectFrom('audit_events').select(['seq', 'hash']).orderBy('seq', 'desc').executeTakeFirst();
  const body = JSON.stringify(event);
  const seq = Number(last?.seq ?? 0) + 1;
  const hash = createHash('sha256')
    .update(`${last?.hash ?? ''}\n${seq}\n${body}`)
    .digest('hex');
  const row = {
    ...{ seq, at: event.at, correlation_id: event.correlationId, caller: event.caller },
    ...{ resource_key: event.resourceId.toLowerCase(), category: event.category, hash, body },
  };
  await db.insertInto('audit_events').values(row).execute();
  return { ...event, seq, hash };
};
