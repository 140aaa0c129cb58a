import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { setTimeout } from 'node:timers/promises';
import {
  type DatabaseConnection,
  type Driver,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDialect,
  SqliteDriver,
  type SqliteStatement,
} from 'kysely';
import { Turn } from './turn.ts';

const CACHED_STATEMENTS = 256;
const BUSY_RETRY_MS = 5;
const BUSY_ATTEMPTS = 4_000;
const SQLITE_BUSY = 5;

/** Kysely on node:sqlite; the connection belongs to the dialect and is closed with it. */
export class NodeSqliteDialect extends SqliteDialect {
  readonly #database: SqliteDatabase;

  constructor(connection: DatabaseSync) {
    const database = adapt(connection);
    super({ database });
    this.#database = database;
  }

  override createDriver(): Driver {
    return new PatientDriver({ database: this.#database });
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalDdlAdapter();
  }
}

/**
 * Waits for another process's write without holding up this one: SQLite's own waiting would stop the whole thread.
 * It is safe to try again, as every transaction takes the write lock at its beginning.
 */
class PatientDriver extends SqliteDriver {
  readonly #turn = new Turn();

  override async acquireConnection(): Promise<DatabaseConnection> {
    await this.#turn.give();
    const connection = await super.acquireConnection();
    return {
      executeQuery: async (query) => {
        for (let attempt = 1; ; attempt++) {
          try {
            return await connection.executeQuery(query);
          } catch (error) {
            if (!isBusy(error) || attempt >= BUSY_ATTEMPTS) throw error;
            await setTimeout(BUSY_RETRY_MS);
          }
        }
      },
      streamQuery: (query, chunkSize) => connection.streamQuery(query, chunkSize),
    };
  }
}

const isBusy = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === SQLITE_BUSY;

/** SQLite does roll schema changes back; with this a migration is all or nothing. */
class TransactionalDdlAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

const adapt = (connection: DatabaseSync): SqliteDatabase => {
  const cache = new Map<string, SqliteStatement>();
  return {
    close: () => connection.close(),
    prepare: (sql) => {
      const known = cache.get(sql);
      if (known !== undefined) return known;
      // A plain begin takes the write lock at the first write, and then loses against another process.
      const statement = adaptStatement(connection.prepare(sql === 'begin' ? 'begin immediate' : sql));
      if (cache.size >= CACHED_STATEMENTS) cache.delete(cache.keys().next().value as string);
      cache.set(sql, statement);
      return statement;
    },
  };
};

const adaptStatement = (statement: StatementSync): SqliteStatement => ({
  reader: statement.columns().length > 0,
  all: (parameters) => statement.all(...values(parameters)),
  run: (parameters) => statement.run(...values(parameters)),
  iterate: (parameters) => statement.iterate(...values(parameters)),
});

const values = (parameters: readonly unknown[]): SQLInputValue[] => parameters as SQLInputValue[];
