import {
  ARM_JOB_OPERATIONS,
  HOUSEKEEPING_OPERATIONS,
  isHousekeeping,
  isJobEnded,
  type Job,
  type JobOperation,
  type JobStatus,
} from '../vault/job.ts';
import { fromRow, JOB_COLUMNS } from './jobRow.ts';
import { DEFAULT_PAGE_SIZE, decodeKeyset, type Page, type PageRequest, pageOf } from './page.ts';
import type { Queries } from './schema.ts';

export interface JobFilter {
  readonly vaultId?: string;
  readonly itemId?: string;
  readonly id?: string;
  /** Friendly name of what it works on; compared without case. */
  readonly entity?: string;
  readonly statuses?: readonly JobStatus[];
  readonly operations?: readonly JobOperation[];
  /** ms, both inclusive. */
  readonly startFrom?: number;
  readonly startTo?: number;
  readonly endFrom?: number;
  readonly endTo?: number;
}

/** Newest first. Errors: InvalidSkipToken. */
export const listJobs = async (db: Queries, filter: JobFilter, page: PageRequest = {}): Promise<Page<Job>> => {
  const limit = page.limit ?? DEFAULT_PAGE_SIZE;
  let query = filtered(db, filter).select(JOB_COLUMNS);
  if (page.after !== undefined) {
    const { time, id } = decodeKeyset(page.after);
    query = query
      .where('start_time', '<=', time)
      .where((e) => e(e.refTuple('start_time', 'id'), '<', e.tuple(time, id)));
  }
  const rows = await query
    .orderBy('start_time', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  return pageOf(rows.map(fromRow), limit, (job) => ({ time: job.startTime, id: job.id }));
};

const filtered = (db: Queries, filter: JobFilter) => {
  const { operations, statuses } = filter;
  let query = db.selectFrom('jobs');
  if (filter.vaultId !== undefined) query = query.where('vault_id', '=', filter.vaultId);
  if (filter.itemId !== undefined) query = query.where('item_id', '=', filter.itemId);
  if (filter.id !== undefined) query = query.where('id', '=', filter.id);
  if (filter.entity !== undefined) query = query.where('entity_key', '=', filter.entity.toLowerCase());
  if (filter.startFrom !== undefined) query = query.where('start_time', '>=', filter.startFrom);
  if (filter.startTo !== undefined) query = query.where('start_time', '<=', filter.startTo);
  if (filter.endFrom !== undefined) query = query.where('end_time', '>=', filter.endFrom);
  if (filter.endTo !== undefined) query = query.where('end_time', '<=', filter.endTo);
  const leading = leadingOf(filter);
  if (leading === 'unended') query = query.where('end_time', 'is', null);
  if (leading === 'listed') query = query.where('is_listed', '=', isHousekeeping(operations![0]!) ? 0 : 1);
  if (operations !== undefined && !(leading === 'listed' && isAllOfAKind(operations)))
    query = query.where((e) =>
      e(leading === 'operation' ? 'operation' : e.fn.coalesce('operation', e.val('')), 'in', [...operations]),
    );
  if (statuses !== undefined)
    query = query.where((e) =>
      e(leading === 'status' ? 'status' : e.fn.coalesce('status', e.val('')), 'in', [...statuses]),
    );
  return query;
};

/**
 * What the rows are found by, so that those of a page are read and few others: left to choose by itself, the database
 * walks the whole history for a rare status. Whatever does not lead is written so that no index fits it.
 */
const leadingOf = (filter: JobFilter): 'status' | 'operation' | 'unended' | 'listed' | 'other' => {
  const { operations, statuses } = filter;
  if (filter.id !== undefined || filter.entity !== undefined || filter.itemId !== undefined) return 'other';
  if (filter.vaultId === undefined) return 'other';
  if (statuses !== undefined && !statuses.some(isJobEnded)) return 'unended';
  if (statuses?.length === 1 && statuses[0] !== 'Completed') return 'status';
  if (operations?.length === 1) return 'operation';
  if (statuses?.length === 1) return 'status';
  return operations !== undefined && isOneKind(operations) ? 'listed' : 'other';
};

const isOneKind = (operations: readonly JobOperation[]): boolean =>
  operations.length > 0 && operations.every((one) => isHousekeeping(one) === isHousekeeping(operations[0]!));

const isAllOfAKind = (operations: readonly JobOperation[]): boolean => {
  const kind = isHousekeeping(operations[0]!) ? HOUSEKEEPING_OPERATIONS : ARM_JOB_OPERATIONS;
  return kind.every((one) => operations.includes(one));
};

/** All of them, newest first, read page by page. */
export async function* allJobs(db: Queries, filter: JobFilter): AsyncGenerator<Job> {
  let after: string | undefined;
  do {
    const page = await listJobs(db, filter, { limit: READ_PAGE, ...(after === undefined ? {} : { after }) });
    yield* page.values;
    after = page.next;
  } while (after !== undefined);
}

const READ_PAGE = 500;

/** Jobs not ended, oldest first. */
export const listUnendedJobs = async (
  db: Queries,
  filter: { readonly itemId?: string } = {},
): Promise<readonly Job[]> => {
  let query = db.selectFrom('jobs').selectAll().where('end_time', 'is', null);
  if (filter.itemId !== undefined) query = query.where('item_id', '=', filter.itemId);
  return (await query.orderBy('start_time').orderBy('id').execute()).map(fromRow);
};
