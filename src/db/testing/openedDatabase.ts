import type { Database } from '../database.ts';

/** One fresh, empty database; `again` opens a further connection to the same data, as another process would. */
export interface OpenedDatabase extends AsyncDisposable {
  readonly database: Database;
  again(): Promise<Database>;
}

export type OpenDatabase = () => Promise<OpenedDatabase>;
