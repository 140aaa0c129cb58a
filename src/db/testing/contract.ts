import { catalogueContract } from './catalogueContract.ts';
import { commitContract } from './commitContract.ts';
import { jobContract } from './jobContract.ts';
import type { OpenDatabase } from './openedDatabase.ts';
import { vaultContract } from './vaultContract.ts';

/** What every database behind the queries must do. */
export const databaseContract = (name: string, open: OpenDatabase): void => {
  catalogueContract(name, open);
  jobContract(name, open);
  commitContract(name, open);
  vaultContract(name, open);
};
