import assert from 'node:assert/strict';
import { copyFile, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { Kysely, sql } from 'kysely';
import { isCoded } from '../lib/error.ts';
import { MIGRATIONS, migrate } from './migrations/migrate.ts';
import { openDatabase } from './openDatabase.ts';
import { getSetting, putSetting } from './settings.ts';
import { NodeSqliteDialect } from './sqlite/dialect.ts';
import { isOlder } from './sqlite/open.ts';
import { databaseContract } from './testing/contract.ts';

const temporaryFolder = async () => {
  const path = await mkdtemp(join(tmpdir(), 'strongroom-db-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
};

databaseContract('SQLite', async () => {
  const folder = await temporaryFolder();
  const path = join(folder.path, 'catalogue.db');
  const database = await openDatabase({ path });
  return {
    database,
    again: () => openDatabase({ path }),
    [Symbol.asyncDispose]: async () => {
      await database[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
});

test('commits are on the disk before they are told', async () => {
  await using folder = await temporaryFolder();
  await using database = await openDatabase({ path: join(folder.path, 'a.db') });
  const pragma = async (name: string) => (await sql.raw(`pragma ${name}`).execute(database.queries)).rows[0];
  assert.deepEqual({ ...(await pragma('journal_mode'))! }, { journal_mode: 'wal' });
  assert.deepEqual({ ...(await pragma('synchronous'))! }, { synchronous: 2 });
});

test('a crash in the middle of a migration leaves the old schema, and the next start goes on', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'a.db');
  await (await openDatabase({ path }))[Symbol.asyncDispose]();
  const kysely = new Kysely<unknown>({ dialect: new NodeSqliteDialect(new DatabaseSync(path)) });
  const cut = {
    up: async (db: Kysely<unknown>) => {
      await db.schema.createTable('extra').addColumn('id', 'text').execute();
      throw new Error('power cut');
    },
  };
  await assert.rejects(migrate(kysely, { ...MIGRATIONS, '900-extra': cut }), /power cut/);
  const tables = async () => (await kysely.introspection.getTables()).map((table) => table.name);
  assert.ok(!(await tables()).includes('extra'));
  const whole = { up: (db: Kysely<unknown>) => db.schema.createTable('extra').addColumn('id', 'text').execute() };
  await migrate(kysely, { ...MIGRATIONS, '900-extra': whole });
  assert.ok((await tables()).includes('extra'));
  await kysely.destroy();
  await assert.rejects(
    openDatabase({ path }),
    (e) => isCoded(e, 'DatabaseVersionUnknown') && /900-extra/.test(e.message),
  );
});

test('after an unclean stop a damaged file is refused, a sound one is opened with all that was committed', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'a.db');
  await using running = await openDatabase({ path });
  for (let i = 0; i < 200; i++) await putSetting(running.queries, `name-${i}`, 'x'.repeat(200));
  const crashed = join(folder.path, 'crashed.db');
  for (const end of ['', '-wal']) await copyFile(path + end, crashed + end);
  await using reopened = await openDatabase({ path: crashed });
  assert.equal(await getSetting(reopened.queries, 'name-199'), 'x'.repeat(200));
  await sql`pragma wal_checkpoint(full)`.execute(running.queries);
  await putSetting(running.queries, 'one', 'more');
  const damaged = join(folder.path, 'damaged.db');
  for (const end of ['', '-wal']) await copyFile(path + end, damaged + end);
  await using file = await open(damaged, 'r+');
  const { size } = await file.stat();
  await file.write(new Uint8Array(size - 8192).fill(0x5a), 0, size - 8192, 8192);
  await assert.rejects(openDatabase({ path: damaged }), (e) => isCoded(e, 'DatabaseDamaged'));
});

test('versions are compared by their numbers', () => {
  assert.ok(isOlder('3.9.9', '3.51.3'));
  assert.ok(isOlder('3.51.2', '3.51.3'));
  assert.ok(!isOlder('3.51.3', '3.51.3'));
  assert.ok(!isOlder('4.0.0', '3.51.3'));
});
