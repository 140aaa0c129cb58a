import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import { HOUSEKEEPING_OPERATIONS } from '../../vault/job.ts';

/** Indices for what people list and filter by, and for what is looked for again and again; no list walks a table. */
export const lists: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await items(db);
    await points(db);
    await jobs(db);
    await others(db);
  },
};

interface Items {
  items: { purge_at: number | null; is_deleted: number };
}

interface Jobs {
  jobs: { operation: string; is_listed: number };
}

type Columns = readonly string[];

const index = (db: Kysely<unknown>, table: string, name: string, columns: Columns): Promise<void> =>
  db.schema
    .createIndex(name)
    .on(table)
    .columns([...columns])
    .execute();

/** The same name, as every query that used it goes on to. */
const replace = async (db: Kysely<unknown>, table: string, name: string, columns: Columns): Promise<void> => {
  await db.schema.dropIndex(name).execute();
  await index(db, table, name, columns);
};

/** Each with the order of the list at its end. */
const items = async (db: Kysely<unknown>): Promise<void> => {
  await db.schema
    .alterTable('items')
    .addColumn('is_deleted', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
  await (db as Kysely<Items>).updateTable('items').set({ is_deleted: 1 }).where('purge_at', 'is not', null).execute();
  const order = ['resource_group_key', 'vm_key', 'id'];
  await replace(db, 'items', 'items_by_policy', ['policy_id', ...order]);
  await index(db, 'items', 'items_by_name', ['vault_id', 'vm_key', 'resource_group_key']);
  await index(db, 'items', 'items_by_state', ['vault_id', 'protection_state', ...order]);
  await index(db, 'items', 'items_by_health', ['vault_id', 'health', ...order]);
  await index(db, 'items', 'items_by_deletion', ['vault_id', 'is_deleted', ...order]);
  await index(db, 'items', 'items_by_intent', ['vault_id', 'has_intent', ...order]);
  await index(db, 'items', 'items_of_policies', ['vault_id', 'policy_id', ...order]);
};

/** They are counted, and the newest is found, without reading the points themselves. */
const points = (db: Kysely<unknown>): Promise<void> =>
  replace(db, 'points', 'points_by_time', ['item_id', 'taken_at', 'id', 'is_vaulted', 'has_snapshot']);

/** Housekeeping makes more jobs than backups do, and is in no list. */
const jobs = async (db: Kysely<unknown>): Promise<void> => {
  await db.schema
    .alterTable('jobs')
    .addColumn('is_listed', 'integer', (c) => c.notNull().defaultTo(1))
    .execute();
  await (db as Kysely<Jobs>)
    .updateTable('jobs')
    .set({ is_listed: 0 })
    .where('operation', 'in', [...HOUSEKEEPING_OPERATIONS])
    .execute();
  const newest = ['start_time', 'id'];
  await db.schema.dropIndex('jobs_by_vault').execute();
  await index(db, 'jobs', 'jobs_listed', ['vault_id', 'is_listed', ...newest]);
  await index(db, 'jobs', 'jobs_by_operation', ['vault_id', 'operation', ...newest]);
  await index(db, 'jobs', 'jobs_ended', ['operation', 'end_time']);
};

const others = async (db: Kysely<unknown>): Promise<void> => {
  await index(db, 'operations', 'operations_by_vault', ['vault_id', 'start_time']);
  // alerts are counted by what they are, not read
  const sorts = ['severity', 'state', 'kind', 'resolved_at'];
  await replace(db, 'alerts', 'alerts_by_target', ['target_key', 'fired_at', 'id', ...sorts]);
  // of a time, those of one scope: only they are read
  await replace(db, 'audit_events', 'audit_events_by_time', ['at', 'seq', 'resource_key']);
  await index(db, 'audit_events', 'audit_events_by_caller', ['caller', 'seq']);
};
