import type { Database } from '../database.ts';
import { catalogueContract } from './catalogueContract.ts';
import { commitContract } from './commitContract.ts';
import { jobContract } from './jobContract.ts';

/** One fresh, empty database; `again` opens a further connection to the same data, as another process would. */
export interface OpenedDatabase extends AsyncDisposable {
  readonly database: Database;
  again(): Promise<Database>;
}

export type OpenDatabase = () => Promise<OpenedDatabase>;

/** What every database behind the queries must do. */
export const databaseContract = (name: string, open: OpenDatabase): void => {
  catalogueContract(name, open);
  jobContract(name, open);
  commitContract(name, open);
};
