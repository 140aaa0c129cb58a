import { rmSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { SHORT_ID_BYTES } from './format/chunkId.ts';

export interface DedupeHit {
  readonly pack: string;
  readonly slot: number;
}

export interface DedupeRow {
  /** At least 16 bytes; the first 16 count. */
  readonly id: Uint8Array;
  readonly slot: number;
}

const DEFAULT_MAX_BYTES = 1024 * 1024 * 1024;
const SCHEMA = 1;
/** Parts of the id space that are let go in turn when the file is full. */
const SLICES = 16;

/**
 * A hint where a chunk already lies: a bounded local SQLite file. Lossy and disposable: losing it costs space, never
 * data, for every hit is checked against the pack's own directory. Open it by path in every worker.
 */
export class DedupeIndex implements Disposable {
  readonly #maxBytes: number;
  #database: DatabaseSync | undefined;
  #find: StatementSync | undefined;
  #slice = 0;
  #problem: string | undefined;

  /** A file that is not a sound index of this version is replaced. Never fails: see `problem`. */
  constructor(path: string, options: { readonly maxBytes?: number } = {}) {
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
    for (const fresh of [false, true]) {
      if (fresh) for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
      try {
        this.#open(path);
        this.#problem = undefined;
        return;
      } catch (error) {
        if (!isSqliteError(error)) throw error;
        this.#problem = error.message;
        if (isBusy(error)) return;
      }
    }
  }

  /** Set once the file failed: from then on nothing is found and nothing is kept. */
  get problem(): string | undefined {
    return this.#problem;
  }

  find(id: Uint8Array): DedupeHit | undefined {
    const row = this.#attempt(() => this.#find!.get(id.subarray(0, SHORT_ID_BYTES)));
    return row && { pack: row.pack as string, slot: row.slot as number };
  }

  /** Only for packs that are durable. */
  add(pack: string, rows: readonly DedupeRow[]): void {
    this.#write((database) => {
      const known = database.prepare('SELECT number FROM packs WHERE pack = ?').get(pack);
      if (known) return;
      const { lastInsertRowid } = database.prepare('INSERT INTO packs (pack) VALUES (?)').run(pack);
      const insert = database.prepare('INSERT OR REPLACE INTO chunks (id, pack, slot) VALUES (?, ?, ?)');
      for (const row of rows) insert.run(row.id.subarray(0, SHORT_ID_BYTES), lastInsertRowid, row.slot);
    });
    this.#shrink();
  }

  /** Packs that were condemned, damaged or are gone: their rows are found no more. */
  forget(packs: readonly string[]): void {
    this.#write((database) => {
      const remove = database.prepare('DELETE FROM packs WHERE pack = ?');
      for (const pack of packs) remove.run(pack);
    });
  }

  [Symbol.dispose](): void {
    this.#database?.close();
    this.#database = undefined;
  }

  #open(path: string): void {
    const database = new DatabaseSync(path, { timeout: 5000 });
    try {
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -8192');
      this.#database = database;
      this.#transact(() => makeTables(database));
      this.#find = database.prepare(
        'SELECT packs.pack, chunks.slot FROM chunks JOIN packs ON packs.number = chunks.pack WHERE chunks.id = ?',
      );
    } catch (error) {
      this.#database = undefined;
      database.close();
      throw error;
    }
  }

  #write(work: (database: DatabaseSync) => void): void {
    this.#attempt(() => this.#transact(work));
  }

  #transact(work: (database: DatabaseSync) => void): void {
    const database = this.#database!;
    database.exec('BEGIN IMMEDIATE');
    try {
      work(database);
      database.exec('COMMIT');
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  }

  /** Ids are evenly spread, so a slice of them is a fair sample and lies together in the file. */
  #shrink(): void {
    const used = this.#attempt(() => {
      const { pages } = this.#database!.prepare(
        'SELECT (SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count) AS pages',
      ).get() as { pages: number };
      return pages * 4096;
    });
    if (used === undefined || used <= this.#maxBytes) return;
    this.#write((database) => {
      const from = Buffer.from([this.#slice * (256 / SLICES)]);
      const last = this.#slice === SLICES - 1;
      const to = Buffer.from([(this.#slice + 1) * (256 / SLICES) - (last ? 1 : 0)]);
      if (last) database.prepare('DELETE FROM chunks WHERE id >= ?').run(from);
      else database.prepare('DELETE FROM chunks WHERE id >= ? AND id < ?').run(from, to);
    });
    this.#slice = (this.#slice + 1) % SLICES;
  }

  /** A hint must never fail a backup: what the file cannot do is recorded, and the index is out of use. */
  #attempt<Result>(work: () => Result): Result | undefined {
    if (!this.#database) return undefined;
    try {
      return work();
    } catch (error) {
      if (!isSqliteError(error)) throw error;
      if (isBusy(error)) return undefined;
      this.#problem = error.message;
      this[Symbol.dispose]();
      return undefined;
    }
  }
}

const makeTables = (database: DatabaseSync): void => {
  const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number };
  if (version === SCHEMA) return;
  // AUTOINCREMENT: a number is never given twice, so rows of a forgotten pack never find another one
  database.exec(`
    DROP TABLE IF EXISTS packs;
    DROP TABLE IF EXISTS chunks;
    CREATE TABLE packs (number INTEGER PRIMARY KEY AUTOINCREMENT, pack TEXT NOT NULL UNIQUE) STRICT;
    CREATE TABLE chunks (id BLOB PRIMARY KEY, pack INTEGER NOT NULL, slot INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    PRAGMA user_version = ${SCHEMA}`);
};

const isSqliteError = (error: unknown): error is Error & { readonly errcode: number } =>
  error instanceof Error && (error as NodeJS.ErrnoException).code === 'ERR_SQLITE_ERROR';

const SQLITE_BUSY = 5;
const isBusy = (error: { readonly errcode: number }): boolean => (error.errcode & 0xff) === SQLITE_BUSY;
