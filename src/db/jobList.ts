import { isJobEnded, type Job, type JobOperation, type JobStatus } from '../vault/job.ts';
import { fromRow } from './jobRow.ts';
import { DEFAULT_PAGE_SIZE, decodeKeyset, type Page, type PageRequest, pageOf } from './page.ts';
import type { Queries } from './schema.ts';

export interface JobFilter {
  readonly vaultId?: string;
  readonly itemId?: string;
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
  let query = db.selectFrom('jobs').selectAll();
  if (filter.vaultId !== undefined) query = query.where('vault_id', '=', filter.vaultId);
  if (filter.itemId !== undefined) query = query.where('item_id', '=', filter.itemId);
  if (filter.statuses !== undefined) {
    query = query.where('status', 'in', [...filter.statuses]);
    // Few jobs have not ended: saying so keeps the database from walking through the whole history for them.
    if (!filter.statuses.some(isJobEnded)) query = query.where('end_time', 'is', null);
  }
  if (filter.operations !== undefined) query = query.where('operation', 'in', [...filter.operations]);
  if (filter.startFrom !== undefined) query = query.where('start_time', '>=', filter.startFrom);
  if (filter.startTo !== undefined) query = query.where('start_time', '<=', filter.startTo);
  if (filter.endFrom !== undefined) query = query.where('end_time', '>=', filter.endFrom);
  if (filter.endTo !== undefined) query = query.where('end_time', '<=', filter.endTo);
  if (page.after !== undefined) {
    const { time, id } = decodeKeyset(page.after);
    query = query.where((e) =>
      e.or([e('start_time', '<', time), e.and([e('start_time', '=', time), e('id', '<', id)])]),
    );
  }
  const rows = await query
    .orderBy('start_time', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  return pageOf(rows.map(fromRow), limit, (job) => ({ time: job.startTime, id: job.id }));
};

/** Jobs not ended, oldest first. */
export const listUnendedJobs = async (
  db: Queries,
  filter: { readonly itemId?: string } = {},
): Promise<readonly Job[]> => {
  let query = db.selectFrom('jobs').selectAll().where('end_time', 'is', null);
  if (filter.itemId !== undefined) query = query.where('item_id', '=', filter.itemId);
  return (await query.orderBy('start_time').orderBy('id').execute()).map(fromRow);
};
