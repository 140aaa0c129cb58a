import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { Blob, BlobCheck, BlobContainer, BlobListing, BlobListRequest, BlobPlace, StagedBlock } from '../blob.ts';
import { listBlobs } from './listBlobs.ts';

const TABLES = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS containers (account TEXT, name TEXT, body TEXT NOT NULL, PRIMARY KEY (account, name)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS blobs (account TEXT, container TEXT, name TEXT, file TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (account, container, name)) WITHOUT ROWID;
  CREATE UNIQUE INDEX IF NOT EXISTS blobs_by_file ON blobs (file);
  CREATE TABLE IF NOT EXISTS blocks (seq INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT, container TEXT, name TEXT,
    id TEXT, file TEXT NOT NULL UNIQUE, size_bytes INTEGER NOT NULL, put_at INTEGER NOT NULL,
    UNIQUE (account, container, name, id));
`;

/** Who is where, in one SQLite file. Every method is one transaction; none waits. */
export class BlobIndex {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(path: string) {
    this.#db = new DatabaseSync(path);
    this.#db.exec(TABLES);
  }

  container(account: string, name: string): BlobContainer | undefined {
    const [row] = this.#all('SELECT body FROM containers WHERE account = ? AND name = ?', account, name);
    return row && (JSON.parse(row.body as string) as BlobContainer);
  }

  containers(account: string, { prefix, from = '', limit }: BlobListRequest): readonly BlobContainer[] {
    const first = from > prefix ? from : prefix;
    const sql = 'SELECT body FROM containers WHERE account = ? AND name >= ? ORDER BY name LIMIT ?';
    const found = this.#all(sql, account, first, limit).map(({ body }) => JSON.parse(body as string) as BlobContainer);
    return found.filter(({ name }) => name.startsWith(prefix));
  }

  /** False when it is there. */
  insertContainer(container: BlobContainer): boolean {
    const sql = 'INSERT OR IGNORE INTO containers (account, name, body) VALUES (?, ?, ?)';
    return this.#run(sql, container.account, container.name, JSON.stringify(container)) > 0;
  }

  updateContainer(account: string, name: string, change: Partial<BlobContainer>): void {
    const body = JSON.stringify({ ...this.container(account, name), ...change });
    this.#run('UPDATE containers SET body = ? WHERE account = ? AND name = ?', body, account, name);
  }

  deleteContainer(account: string, name: string): void {
    this.#transaction(() => {
      for (const table of ['blobs', 'blocks'])
        this.#run(`DELETE FROM ${table} WHERE account = ? AND container = ?`, account, name);
      this.#run('DELETE FROM containers WHERE account = ? AND name = ?', account, name);
    });
  }

  deleteAccount(account: string): void {
    this.#transaction(() => {
      for (const table of ['blobs', 'blocks', 'containers'])
        this.#run(`DELETE FROM ${table} WHERE account = ?`, account);
    });
  }

  isEmpty(account: string): boolean {
    return this.#all('SELECT 1 FROM blobs WHERE account = ? LIMIT 1', account).length === 0;
  }

  blob({ account, container, name }: BlobPlace): Blob | undefined {
    const sql = 'SELECT body FROM blobs WHERE account = ? AND container = ? AND name = ?';
    const [row] = this.#all(sql, account, container, name);
    return row && (JSON.parse(row.body as string) as Blob);
  }

  blobs(account: string, container: string, request: BlobListRequest): BlobListing {
    const sql = 'SELECT body FROM blobs WHERE account = ? AND container = ? AND name >= ? ORDER BY name LIMIT ?';
    return listBlobs(request, (from, limit) =>
      this.#all(sql, account, container, from, limit).map(({ body }) => JSON.parse(body as string) as Blob),
    );
  }

  /** Makes or replaces it; the files nobody needs any more. */
  putBlob(blob: Blob, check: BlobCheck): readonly string[] {
    return this.#transaction(() => {
      const before = this.blob(blob);
      check(before);
      const staged = this.#dropBlocks(blob);
      const createdAt = before?.createdAt ?? blob.createdAt;
      this.#run(
        'INSERT OR REPLACE INTO blobs (account, container, name, file, body) VALUES (?, ?, ?, ?, ?)',
        ...[blob.account, blob.container, blob.name, blob.file, JSON.stringify({ ...blob, createdAt })],
      );
      return [...staged, ...(before ? [before.file] : [])];
    });
  }

  updateBlob(place: BlobPlace, change: Partial<Blob>, check: BlobCheck): Blob | undefined {
    return this.#transaction(() => {
      const before = this.blob(place);
      check(before);
      if (!before) return undefined;
      const after: Blob = { ...before, ...change };
      const sql = 'UPDATE blobs SET body = ? WHERE account = ? AND container = ? AND name = ?';
      this.#run(sql, JSON.stringify(after), place.account, place.container, place.name);
      return after;
    });
  }

  deleteBlob(
    place: BlobPlace,
    check: BlobCheck,
  ): { readonly blob: Blob | undefined; readonly files: readonly string[] } {
    return this.#transaction(() => {
      const blob = this.blob(place);
      check(blob);
      if (!blob) return { blob, files: [] };
      const { account, container, name } = place;
      const files = [...this.#dropBlocks(place), blob.file];
      this.#run('DELETE FROM blobs WHERE account = ? AND container = ? AND name = ?', account, container, name);
      return { blob, files };
    });
  }

  /** Replaces a block of that id; the file nobody needs any more. */
  putBlock({ account, container, name }: BlobPlace, block: StagedBlock, now: number): readonly string[] {
    return this.#transaction(() => {
      const key = [account, container, name, block.id];
      const where = 'account = ? AND container = ? AND name = ? AND id = ?';
      const before = this.#all(`SELECT file FROM blocks WHERE ${where}`, ...key).map(({ file }) => file as string);
      this.#run(`DELETE FROM blocks WHERE ${where}`, ...key);
      this.#run(
        'INSERT INTO blocks (account, container, name, id, file, size_bytes, put_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
        ...[...key, block.file, block.sizeBytes, now],
      );
      return before;
    });
  }

  stagedBlocks({ account, container, name }: BlobPlace): readonly StagedBlock[] {
    const sql =
      'SELECT id, file, size_bytes AS sizeBytes FROM blocks WHERE account = ? AND container = ? AND name = ? ORDER BY seq';
    return this.#all(sql, account, container, name) as unknown as readonly StagedBlock[];
  }

  isKnown(account: string, container: string, file: string): boolean {
    return ['blobs', 'blocks'].some((table) => {
      const sql = `SELECT 1 FROM ${table} WHERE file = ? AND account = ? AND container = ?`;
      return this.#all(sql, file, account, container).length > 0;
    });
  }

  close(): void {
    this.#db.close();
  }

  #dropBlocks({ account, container, name }: BlobPlace): readonly string[] {
    const files = this.stagedBlocks({ account, container, name }).map(({ file }) => file);
    if (files.length > 0)
      this.#run('DELETE FROM blocks WHERE account = ? AND container = ? AND name = ?', account, container, name);
    return files;
  }

  #transaction<T>(work: () => T): T {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  #all(sql: string, ...values: SQLInputValue[]): Record<string, unknown>[] {
    return this.#prepare(sql).all(...values);
  }

  #run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepare(sql).run(...values).changes);
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql) ?? this.#db.prepare(sql);
    this.#statements.set(sql, known);
    return known;
  }
}
