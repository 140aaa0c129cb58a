import { AsyncLocalStorage } from 'node:async_hooks';
import { Kysely } from 'kysely';
import { copyDatabase } from './copyDatabase.ts';
import type { Database } from './database.ts';
import { migrate } from './migrations/migrate.ts';
import type { Queries, Schema } from './schema.ts';
import { NodeSqliteDialect } from './sqlite/dialect.ts';
import { openSqlite } from './sqlite/open.ts';

export interface DatabaseOptions {
  /** File of the database, made when absent; ':memory:' for tests. */
  readonly path: string;
}

/**
 * Opens the database and migrates it forward.
 * Errors: DatabasePlaceUnsuitable, DatabaseDamaged, DatabaseVersionUnknown.
 */
export const openDatabase = async ({ path }: DatabaseOptions): Promise<Database> => {
  const kysely = new Kysely<Schema>({ dialect: new NodeSqliteDialect(openSqlite(path)) });
  try {
    await migrate(kysely);
  } catch (error) {
    await kysely.destroy();
    throw error;
  }
  return over(kysely, path);
};

/** The database over a Kysely of any dialect. */
const over = (kysely: Kysely<Schema>, path: string): Database => {
  const transactions = new AsyncLocalStorage<{ isOpen: boolean; tx?: Queries }>();
  const outside = (): Queries => {
    if (!transactions.getStore()?.isOpen) return kysely;
    throw new Error('The database was used inside its own transaction, where it would wait for itself: use tx.');
  };
  return {
    get queries() {
      return outside();
    },
    get current() {
      const state = transactions.getStore();
      return state?.isOpen && state.tx ? state.tx : kysely;
    },
    transaction: async (work) => {
      const state: { isOpen: boolean; tx?: Queries } = { isOpen: true };
      try {
        return await outside()
          .transaction()
          .execute((tx) => {
            state.tx = tx;
            return transactions.run(state, () => work(tx));
          });
      } finally {
        state.isOpen = false;
      }
    },
    copyTo: (file, signal) => copyDatabase(path, file, signal),
    [Symbol.asyncDispose]: () => kysely.destroy(),
  };
};
