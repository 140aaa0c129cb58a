import type { DatabaseFacts } from './copyDatabase.ts';
import type { Queries } from './schema.ts';

/**
 * The control plane's memory. Queries are plain functions that take `queries`, or the transaction given to
 * `transaction`. Inside a transaction only its `tx` may be used: using `queries` there is refused, because
 * it would wait for itself.
 */
export interface Database extends AsyncDisposable {
  readonly queries: Queries;
  /** The transaction that the code asking is in, else as `queries`: for what is asked from either side. */
  readonly current: Queries;
  /** All of it or nothing; transactions of one database run one after another. */
  transaction<T>(work: (tx: Queries) => Promise<T>): Promise<T>;
  /** A consistent, checked copy in one SQLite file, while others go on writing. Errors: DatabaseDamaged. */
  copyTo(file: string, signal?: AbortSignal): Promise<DatabaseFacts>;
}

/** Runs in the transaction that `db` is, or in one of its own. */
export const inTransaction = <T>(db: Queries, work: (tx: Queries) => Promise<T>): Promise<T> =>
  db.isTransaction ? work(db) : db.transaction().execute(work);
