import { ThreadPool } from '../lib/threadPool.ts';

/** What a copy is compared by. */
export interface DatabaseFacts {
  /** Names of the schema's steps, in order. */
  readonly migrations: readonly string[];
  /** Rows by table. */
  readonly rows: Readonly<Record<string, number>>;
  /** SHA-256 (hex) of what a rebuilt catalogue needs: jobs and schedules are left out. */
  readonly contentSha256: string;
}

export type CopyRequest =
  | { readonly kind: 'copy'; readonly from: string; readonly to: string }
  | { readonly kind: 'check'; readonly file: string };

/**
 * A consistent copy of a database in use, as one file; what `to` held is replaced. The copy was opened, read whole
 * and compared with its source. All of it happens in a thread of its own: nobody waits for it.
 * Errors: DatabaseDamaged.
 */
export const copyDatabase = (from: string, to: string, signal?: AbortSignal): Promise<DatabaseFacts> =>
  inThread({ kind: 'copy', from, to }, signal);

/** Opens a copy that nobody uses and reads all of it. Errors: DatabaseDamaged, DatabaseVersionUnknown. */
export const checkDatabaseCopy = (file: string, signal?: AbortSignal): Promise<DatabaseFacts> =>
  inThread({ kind: 'check', file }, signal);

const inThread = async (request: CopyRequest, signal: AbortSignal | undefined): Promise<DatabaseFacts> => {
  const file = new URL('./copy/worker.ts', import.meta.url);
  await using thread = new ThreadPool<CopyRequest, DatabaseFacts>({ file, size: 1, signal });
  return await thread.run(request);
};
