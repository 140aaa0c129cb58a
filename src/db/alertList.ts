import type { SelectQueryBuilder } from 'kysely';
import type { Alert, AlertCondition, AlertKind, AlertSeverity, AlertState } from '../vault/alert.ts';
import { DEFAULT_PAGE_SIZE, decodeKeyset, type Page, type PageRequest, pageOf } from './page.ts';
import type { Queries, Schema } from './schema.ts';

export interface AlertFilter {
  /** ARM id of a subscription, resource group or vault: alerts of it and of what lies below. */
  readonly scope: string;
  readonly itemId?: string;
  readonly severity?: AlertSeverity;
  readonly state?: AlertState;
  readonly condition?: AlertCondition;
  readonly kind?: AlertKind;
  /** ms, both inclusive. */
  readonly firedFrom?: number;
  readonly firedTo?: number;
}

/** Newest first, or oldest. Errors: InvalidSkipToken. */
export const listAlerts = async (
  db: Queries,
  filter: AlertFilter,
  page: PageRequest & { readonly oldestFirst?: boolean } = {},
): Promise<Page<Alert>> => {
  const limit = page.limit ?? DEFAULT_PAGE_SIZE;
  const [after, order] = page.oldestFirst ? ([`>`, 'asc'] as const) : (['<', 'desc'] as const);
  let query = filtered(db.selectFrom('alerts'), filter).select('body');
  if (page.after !== undefined) {
    const { time, id } = decodeKeyset(page.after);
    query = query.where((e) =>
      e.or([e('fired_at', after, time), e.and([e('fired_at', '=', time), e('id', after, id)])]),
    );
  }
  const rows = await query
    .orderBy('fired_at', order)
    .orderBy('id', order)
    .limit(limit + 1)
    .execute();
  const alerts = rows.map(({ body }) => JSON.parse(body) as Alert);
  return pageOf(alerts, limit, ({ firedAt, id }) => ({ time: firedAt, id }));
};

export interface AlertCount {
  readonly severity: AlertSeverity;
  readonly state: AlertState;
  readonly condition: AlertCondition;
  readonly kind: AlertKind;
  readonly count: number;
}

/** How many there are of each sort; few rows, whatever the number of alerts. */
export const countAlerts = async (db: Queries, filter: AlertFilter): Promise<readonly AlertCount[]> => {
  const rows = await filtered(db.selectFrom('alerts'), filter)
    .select((e) => [
      'severity',
      'state',
      'kind',
      e.case().when('resolved_at', 'is', null).then('Fired').else('Resolved').end().as('condition'),
      e.fn.countAll<number>().as('count'),
    ])
    .groupBy(['severity', 'state', 'kind', 'condition'])
    .execute();
  return rows.map((row) => ({ ...row, count: Number(row.count) }) as AlertCount);
};

const filtered = <T>(query: SelectQueryBuilder<Schema, 'alerts', T>, filter: AlertFilter) => {
  const scope = filter.scope.toLowerCase();
  // '0' follows '/': the range holds whatever lies below the scope, and nothing whose name only begins alike
  let found = query.where((e) =>
    e.or([e('target_key', '=', scope), e.and([e('target_key', '>', `${scope}/`), e('target_key', '<', `${scope}0`)])]),
  );
  if (filter.itemId !== undefined) found = found.where('item_id', '=', filter.itemId);
  if (filter.severity !== undefined) found = found.where('severity', '=', filter.severity);
  if (filter.state !== undefined) found = found.where('state', '=', filter.state);
  if (filter.condition !== undefined)
    found = found.where('resolved_at', filter.condition === 'Fired' ? 'is' : 'is not', null);
  if (filter.kind !== undefined) found = found.where('kind', '=', filter.kind);
  if (filter.firedFrom !== undefined) found = found.where('fired_at', '>=', filter.firedFrom);
  if (filter.firedTo !== undefined) found = found.where('fired_at', '<=', filter.firedTo);
  return found;
};
