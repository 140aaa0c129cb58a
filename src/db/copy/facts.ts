import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';

/** Small tables, hashed row by row. */
const WHOLE = [
  'settings',
  'resource_groups',
  'vaults',
  'policies',
  'items',
  'points',
  'principals',
  'role_assignments',
  'role_definitions',
  'locks',
  'arm_resources',
  'point_damages',
  'trash',
];
/** Tables of millions of rows, and those that this very work writes to: what tells of a change in them. */
const DIGESTS = [
  'select state, count(*), sum(size_bytes), max(created_at), max(condemned_at), max(damaged_at) from packs group by state',
  'select vault_id, state, count(*), max(cseq), sum(cseq) from commits group by vault_id, state',
  'select vault_id, gc_epoch, gc_seq from store_states order by vault_id',
];

export const migrationsOf = (database: DatabaseSync): readonly string[] => {
  if (!tables(database).includes('kysely_migration')) return [];
  const rows = database.prepare('select name from kysely_migration order by name').all() as { name: string }[];
  return rows.map(({ name }) => name);
};

export const rowCounts = (database: DatabaseSync): Readonly<Record<string, number>> =>
  Object.fromEntries(
    tables(database).map((table) => {
      const row = database.prepare(`select count(*) as rows from "${table}"`).get() as { rows: number };
      return [table, row.rows];
    }),
  );

/** SHA-256 (hex) of what a rebuilt catalogue needs. */
export const contentOf = (database: DatabaseSync): string => {
  const hash = createHash('sha256');
  const present = new Set(tables(database));
  const whole = WHOLE.filter((table) => present.has(table)).map((table) => `select * from "${table}" order by rowid`);
  for (const query of [...whole, ...DIGESTS]) {
    hash.update(query);
    for (const row of database.prepare(query).iterate()) hash.update(JSON.stringify(Object.values(row)));
  }
  return hash.digest('hex');
};

const tables = (database: DatabaseSync): readonly string[] => {
  const query = "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' order by name";
  return (database.prepare(query).all() as { name: string }[]).map(({ name }) => name);
};
