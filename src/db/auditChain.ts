import {
  ANCHOR,
  type AuditEvent,
  type AuditHead,
  type AuditRecord,
  appendAudit,
  auditAnchor,
  columnsOf,
  hashOfAudit,
} from './audit.ts';
import { inTransaction } from './database.ts';
import type { Queries } from './schema.ts';

export interface AuditVerdict {
  /** How many events were looked at, from `first` on. */
  readonly events: number;
  readonly first: number;
  readonly head: AuditHead;
  /** What is wrong, and with which event; at most 20. Empty: the chain is whole. */
  readonly faults: readonly { readonly seq: number; readonly why: string }[];
}

const PAGE = 1000;
const MAX_FAULTS = 20;

/**
 * Computes the whole chain again. `witnesses` are heads that were noted outside the database: an event that one of
 * them names must be there with its hash. Holds one page at a time.
 */
export async function verifyAudit(db: Queries, witnesses: readonly AuditHead[] = []): Promise<AuditVerdict> {
  const faults: { seq: number; why: string }[] = [];
  const noted = new Map(witnesses.map(({ seq, hash }) => [seq, hash]));
  const anchor = await auditAnchor(db);
  let head = anchor;
  for (;;) {
    const rows = await db
      .selectFrom('audit_events')
      .selectAll()
      .where('seq', '>', head.seq)
      .orderBy('seq')
      .limit(PAGE)
      .execute();
    for (const row of rows) {
      const seq = Number(row.seq);
      const why = faultOf(head, { ...row, seq, at: Number(row.at) } as Row, noted.get(seq));
      if (why !== undefined && faults.length < MAX_FAULTS) faults.push({ seq, why });
      head = { seq, hash: row.hash };
    }
    if (rows.length < PAGE) break;
  }
  const missing = witnesses.find(({ seq }) => seq > head.seq);
  if (missing) faults.push({ seq: head.seq + 1, why: `event ${missing.seq} was noted outside; the chain ends before` });
  return { events: head.seq - anchor.seq, first: anchor.seq + 1, head, faults: faults.slice(0, MAX_FAULTS) };
}

type Row = ReturnType<typeof columnsOf> & { readonly seq: number; readonly hash: string; readonly body: string };

function faultOf(before: AuditHead, row: Row, witness: string | undefined): string | undefined {
  if (row.seq !== before.seq + 1) return `the ${row.seq - before.seq - 1} events before it are missing`;
  if (row.hash !== hashOfAudit(before.hash, row.seq, row.body))
    return 'its hash does not fit its text and the event before';
  const columns = columnsOf(JSON.parse(row.body) as AuditEvent);
  const wrong = (Object.keys(columns) as (keyof typeof columns)[]).find((name) => columns[name] !== row[name]);
  if (wrong !== undefined) return `its column ${wrong} does not fit its text`;
  if (witness !== undefined && witness !== row.hash) return 'it is not the event that was noted outside';
  return undefined;
}

/**
 * Lets events before `before` go and tells so in an event of its own; what is left can still be verified. Returns
 * how many went.
 */
export const pruneAudit = (db: Queries, before: number, now: number): Promise<number> =>
  inTransaction(db, async (tx) => {
    const kept = await tx
      .selectFrom('audit_events')
      .select((select) => select.fn.min('seq').as('seq'))
      .where('at', '>=', before)
      .executeTakeFirst();
    const last = await tx
      .selectFrom('audit_events')
      .select(['seq', 'hash'])
      .$if(kept?.seq !== null && kept?.seq !== undefined, (query) => query.where('seq', '<', Number(kept!.seq)))
      .orderBy('seq', 'desc')
      .executeTakeFirst();
    if (last === undefined) return 0;
    const anchor: AuditHead = { seq: Number(last.seq), hash: last.hash };
    const { seq: lastBefore } = await auditAnchor(tx);
    await tx.deleteFrom('audit_events').where('seq', '<=', anchor.seq).execute();
    const row = { name: ANCHOR, value: JSON.stringify(anchor) };
    await tx
      .insertInto('settings')
      .values(row)
      .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
      .execute();
    await appendAudit(tx, {
      ...{ at: now, correlationId: '', caller: 'system', callerName: 'Strongroom' },
      ...{ action: 'Strongroom.Identity/auditEvents/delete', resourceId: '/providers/Strongroom.Identity/auditEvents' },
      ...{ category: 'Security', level: 'Informational', status: 'Succeeded' },
      properties: { events: String(anchor.seq - lastBefore), lastSeq: String(anchor.seq), lastHash: anchor.hash },
    });
    return anchor.seq - lastBefore;
  });

/** Newest first, before the event `beforeSeq`. */
export const pageOfAudit = async (
  db: Queries,
  limit: number,
  beforeSeq?: number,
  where: { readonly caller?: string; readonly category?: string } = {},
): Promise<readonly AuditRecord[]> => {
  let query = db.selectFrom('audit_events').select(['seq', 'hash', 'body']);
  if (beforeSeq !== undefined) query = query.where('seq', '<', beforeSeq);
  if (where.caller !== undefined) query = query.where('caller', '=', where.caller);
  if (where.category !== undefined) query = query.where('category', '=', where.category);
  const rows = await query.orderBy('seq', 'desc').limit(limit).execute();
  return rows.map((row) => ({ ...(JSON.parse(row.body) as AuditEvent), seq: Number(row.seq), hash: row.hash }));
};
