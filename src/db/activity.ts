import type { AuditEvent, AuditRecord } from './audit.ts';
import { decodeKeyset, encodeKeyset, type Page } from './page.ts';
import type { Queries } from './schema.ts';

export interface ActivityFilter {
  /** ms, both inclusive. */
  readonly from: number;
  readonly to: number;
  readonly correlationId?: string;
  /** ARM id: events of it alone. */
  readonly resourceId?: string;
  /** ARM id of a subscription, group or vault: events of it and of what lies below. */
  readonly scope?: string;
  /** What the columns do not tell; asked of each event. */
  readonly accept?: (event: AuditEvent) => boolean;
}

const BATCH = 500;
/** So many events are looked through for one page; a page may be short, or empty, and still have a next one. */
const BATCHES = 20;

/** What was done, newest first. Errors: InvalidSkipToken. */
export const listActivity = async (
  db: Queries,
  filter: ActivityFilter,
  { limit, after }: { readonly limit: number; readonly after?: string },
): Promise<Page<AuditRecord>> => {
  const found: AuditRecord[] = [];
  let at = after === undefined ? undefined : decodeKeyset(after);
  for (let batch = 0; batch < BATCHES; batch++) {
    const rows = await eventsBefore(db, filter, at);
    for (const row of rows) {
      at = { time: Number(row.at), id: String(row.seq) };
      const event = JSON.parse(row.body) as AuditEvent;
      if (filter.accept && !filter.accept(event)) continue;
      found.push({ ...event, seq: Number(row.seq), hash: row.hash });
      if (found.length === limit) return { values: found, next: encodeKeyset(at) };
    }
    if (rows.length < BATCH) return { values: found };
  }
  return at === undefined ? { values: found } : { values: found, next: encodeKeyset(at) };
};

const eventsBefore = (db: Queries, filter: ActivityFilter, at: { time: number; id: string } | undefined) => {
  let query = db
    .selectFrom('audit_events')
    .select(['seq', 'at', 'hash', 'body'])
    .where('at', '>=', filter.from)
    .where('at', '<=', filter.to);
  const { correlationId, resourceId, scope } = filter;
  if (correlationId !== undefined) query = query.where('correlation_id', '=', correlationId);
  if (resourceId !== undefined) query = query.where('resource_key', '=', resourceId.toLowerCase());
  if (scope !== undefined) {
    const key = scope.toLowerCase();
    // '0' follows '/': the range holds whatever lies below the scope, and nothing whose name only begins alike
    query = query.where((e) =>
      e.or([
        e('resource_key', '=', key),
        e.and([e('resource_key', '>', `${key}/`), e('resource_key', '<', `${key}0`)]),
      ]),
    );
  }
  if (at !== undefined) {
    const seq = Number(at.id);
    query = query.where((e) => e.or([e('at', '<', at.time), e.and([e('at', '=', at.time), e('seq', '<', seq)])]));
  }
  return query.orderBy('at', 'desc').orderBy('seq', 'desc').limit(BATCH).execute();
};
