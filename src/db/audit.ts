import { createHash } from 'node:crypto';
import { inTransaction } from './database.ts';
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

/** Where a chain stands: its last event. Seq 0 with an empty hash: no event yet. */
export interface AuditHead {
  readonly seq: number;
  readonly hash: string;
}

/** Appends an event to the chain; call it inside the transaction of what it tells, where there is one. */
export const appendAudit = async (db: Queries, event: AuditEvent): Promise<AuditRecord> =>
  (await appendAudits(db, [event]))[0]!;

/** Several at once, in their order. */
export const appendAudits = (db: Queries, events: readonly AuditEvent[]): Promise<readonly AuditRecord[]> =>
  inTransaction(db, async (tx) => {
    let head = await auditHead(tx);
    const records: AuditRecord[] = [];
    for (const event of events) {
      const body = JSON.stringify(event);
      const seq = head.seq + 1;
      const hash = hashOfAudit(head.hash, seq, body);
      await tx
        .insertInto('audit_events')
        .values({ seq, hash, body, ...columnsOf(event) })
        .execute();
      head = { seq, hash };
      records.push({ ...event, ...head });
    }
    return records;
  });

/** The last event of the chain; after a pruning that left none, what it ended with. */
export const auditHead = async (db: Queries): Promise<AuditHead> => {
  const last = await db.selectFrom('audit_events').select(['seq', 'hash']).orderBy('seq', 'desc').executeTakeFirst();
  return last === undefined ? auditAnchor(db) : { seq: Number(last.seq), hash: last.hash };
};

/** The last event that was let go: the chain begins after it. */
export const auditAnchor = async (db: Queries): Promise<AuditHead> => {
  const row = await db.selectFrom('settings').select('value').where('name', '=', ANCHOR).executeTakeFirst();
  return row === undefined ? { seq: 0, hash: '' } : (JSON.parse(row.value) as AuditHead);
};

export const ANCHOR = 'auditAnchor';

export const hashOfAudit = (before: string, seq: number, body: string): string =>
  createHash('sha256').update(`${before}\n${seq}\n${body}`).digest('hex');

/** What queries look at; it must agree with the body. */
export const columnsOf = (event: AuditEvent) => ({
  at: event.at,
  correlation_id: event.correlationId,
  caller: event.caller,
  resource_key: event.resourceId.toLowerCase(),
  category: event.category,
});
