import { rm } from 'node:fs/promises';
import { backup, DatabaseSync } from 'node:sqlite';
import { CodedError } from '../../lib/error.ts';
import { serveThread } from '../../lib/serveThread.ts';
import { assertSoundSqlite } from '../../lib/sqliteFile.ts';
import type { CopyRequest, DatabaseFacts } from '../copyDatabase.ts';
import { MIGRATIONS } from '../migrations/migrate.ts';
import { contentOf, migrationsOf, rowCounts } from './facts.ts';

const PAGES_A_STEP = 256;

serveThread<CopyRequest, DatabaseFacts>((request) =>
  request.kind === 'copy' ? copy(request.from, request.to) : Promise.resolve(check(request.file)),
);

async function copy(from: string, to: string): Promise<DatabaseFacts> {
  for (const file of [to, `${to}-wal`, `${to}-shm`, `${to}-journal`]) await rm(file, { force: true });
  using source = new DatabaseSync(from, { readOnly: true });
  // One snapshot from the first page to the last: what others write meanwhile neither enters nor restarts the copy.
  source.exec('begin');
  const rows = rowCounts(source);
  await backup(source, to, { rate: PAGES_A_STEP });
  source.exec('commit');
  asOneFile(to);
  const facts = check(to);
  const differing = Object.keys({ ...rows, ...facts.rows }).filter((table) => rows[table] !== facts.rows[table]);
  if (differing.length === 0) return facts;
  throw new CodedError('DatabaseDamaged', `The copy of the database has other rows in ${differing.join(', ')}.`, {
    target: to,
  });
}

/** The copy inherits the write-ahead log of its source; without one it is complete in one file. */
function asOneFile(file: string): void {
  using database = new DatabaseSync(file);
  database.exec('pragma journal_mode = delete');
}

function check(file: string): DatabaseFacts {
  assertSoundSqlite(file);
  using database = new DatabaseSync(file, { readOnly: true });
  const migrations = migrationsOf(database);
  const unknown = migrations.filter((name) => !(name in MIGRATIONS));
  if (migrations.length === 0 || unknown.length > 0) {
    throw new CodedError(
      'DatabaseVersionUnknown',
      `The copy ${file} has the schema steps ${migrations.join(', ') || '(none)'}; this version knows up to ${Object.keys(MIGRATIONS).at(-1)}.`,
      { target: file },
    );
  }
  // A copy of an earlier version of this program lacks tables that the digest reads.
  const isCurrent = migrations.length === Object.keys(MIGRATIONS).length;
  return { migrations, rows: rowCounts(database), contentSha256: isCurrent ? contentOf(database) : '' };
}
