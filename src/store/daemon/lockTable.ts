import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { CodedError } from '../../lib/error.ts';
import type { ClockState } from './heldClock.ts';

export interface FlagTask {
  readonly store: string;
  readonly name: string;
}

const SCHEMA = `
  pragma locking_mode = exclusive;
  pragma journal_mode = wal;
  pragma synchronous = full;
  create table if not exists locks (
    store text not null, name text not null, until integer not null, immutable integer not null default 0,
    primary key (store, name)
  ) without rowid;
  create index if not exists locks_to_flag on locks (store, name) where immutable = 0;
  create table if not exists facts (name text primary key, value text not null) without rowid;
`;

/** What is locked until when: one SQLite file, durable before each call returns. One process at a time opens it. */
export class LockTable implements Disposable {
  readonly #database: DatabaseSync;
  readonly #find: StatementSync;
  readonly #keep: StatementSync;

  /** Errors: StorePlaceUnsuitable (another process has it, or it is damaged). */
  constructor(path: string) {
    try {
      this.#database = new DatabaseSync(path);
      this.#database.exec(SCHEMA);
      this.#find = this.#database.prepare('select until from locks where store = ? and name = ?');
      this.#keep = this.#database.prepare(
        `insert into locks (store, name, until) values (?, ?, ?)
         on conflict (store, name) do update set until = max(until, excluded.until)`,
      );
    } catch (error) {
      throw unusable(path, error);
    }
  }

  /** Until when it is locked, ms since 1970; undefined: not known. */
  find(store: string, name: string): number | undefined {
    const row = this.#find.get(store, name);
    return row && Number(row.until);
  }

  /** At least until then; never shortens. */
  keep(store: string, name: string, until: number): void {
    this.#keep.run(store, name, until);
  }

  /** The object is gone. */
  forget(store: string, name: string): void {
    this.#database.prepare('delete from locks where store = ? and name = ?').run(store, name);
  }

  markImmutable(store: string, names: readonly string[], isImmutable: boolean): void {
    const mark = this.#database.prepare('update locks set immutable = ? where store = ? and name = ?');
    this.#database.exec('begin immediate');
    for (const name of names) mark.run(isImmutable ? 1 : 0, store, name);
    this.#database.exec('commit');
  }

  /** What an earlier run did not come to flag, in order; go on behind the last one. */
  notImmutable(after: FlagTask, limit: number): readonly FlagTask[] {
    const rows = this.#database
      .prepare(
        'select store, name from locks where immutable = 0 and (store, name) > (?, ?) order by store, name limit ?',
      )
      .all(after.store, after.name, limit);
    return rows.map((row) => ({ store: String(row.store), name: String(row.name) }));
  }

  readClock(): ClockState | undefined {
    return this.#readFact('clock') as ClockState | undefined;
  }

  writeClock(state: ClockState): void {
    this.#writeFact('clock', state);
  }

  /** Objects without a row are kept until then, ms. */
  readAdoptedUntil(): number {
    return (this.#readFact('adoptedUntil') as number | undefined) ?? 0;
  }

  writeAdoptedUntil(until: number): void {
    this.#writeFact('adoptedUntil', until);
  }

  #readFact(name: string): unknown {
    const row = this.#database.prepare('select value from facts where name = ?').get(name);
    return row && (JSON.parse(String(row.value)) as unknown);
  }

  #writeFact(name: string, value: unknown): void {
    this.#database
      .prepare('insert into facts values (?, ?) on conflict (name) do update set value = excluded.value')
      .run(name, JSON.stringify(value));
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

const unusable = (path: string, cause: unknown): CodedError =>
  new CodedError('StorePlaceUnsuitable', `The table of locks ${path} cannot be used: ${(cause as Error).message}.`, {
    target: path,
    recommendations: [
      'If another store daemon serves this folder, stop it: one serves a folder.',
      'If the file is damaged, put it aside and start with --adopt-days: everything is kept for so long.',
    ],
    cause,
  });
