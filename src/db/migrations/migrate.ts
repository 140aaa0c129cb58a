import { type Kysely, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import { CodedError } from '../../lib/error.ts';
import { first } from './001-first.ts';
import { store } from './002-store.ts';
import { resources } from './003-resources.ts';
import { access } from './004-access.ts';
import { vaultsLife } from './005-vaults.ts';
import { protection } from './006-protection.ts';
import { alerts } from './007-alerts.ts';
import { lists } from './008-lists.ts';

/** In order; names are for ever. A step once released is never changed: the next one mends it. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '001-first': first,
  '002-store': store,
  '003-resources': resources,
  '004-access': access,
  '005-vaults': vaultsLife,
  '006-protection': protection,
  '007-alerts': alerts,
  '008-lists': lists,
};

/**
 * Brings the schema forward, all steps in one transaction.
 * Errors: DatabaseVersionUnknown when a newer version of this program has been here.
 */
export const migrate = async <T>(db: Kysely<T>, migrations = MIGRATIONS): Promise<void> => {
  const unknown = (await stepsDone(db)).filter((name) => !(name in migrations));
  if (unknown.length > 0) {
    throw new CodedError(
      'DatabaseVersionUnknown',
      `The database was written by a newer version: its schema has the steps ${unknown.join(', ')}, this version knows up to ${Object.keys(migrations).at(-1)}.`,
      { recommendations: ['Start the newer version again, or restore a database snapshot of this version.'] },
    );
  }
  const provider = { getMigrations: async () => ({ ...migrations }) };
  const { error } = await new Migrator({ db, provider }).migrateToLatest();
  if (error !== undefined) throw error;
};

const stepsDone = async <T>(db: Kysely<T>): Promise<readonly string[]> => {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some((table) => table.name === 'kysely_migration')) return [];
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db);
  return rows.map((row) => row.name);
};
