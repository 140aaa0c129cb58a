import { type Kysely, SqliteAdapter } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Times and sizes are 64-bit on both databases. */
export const first: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await catalogue(db);
    await points(db);
    await jobs(db);
    await schedule(db);
    await store(db);
    await identity(db);
  },
};

const catalogue = async (db: Kysely<unknown>): Promise<void> => {
  await db.schema
    .createTable('settings')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('value', 'text', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('resource_groups')
    .addColumn('subscription_id', 'text', (c) => c.notNull())
    .addColumn('name_key', 'text', (c) => c.notNull())
    .addColumn('body', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('resource_groups_key', ['subscription_id', 'name_key'])
    .execute();
  await db.schema
    .createTable('vaults')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('subscription_id', 'text', (c) => c.notNull())
    .addColumn('resource_group_key', 'text', (c) => c.notNull())
    .addColumn('name_key', 'text', (c) => c.notNull())
    .addColumn('body', 'text', (c) => c.notNull())
    .addUniqueConstraint('vaults_name', ['subscription_id', 'resource_group_key', 'name_key'])
    .execute();
  await db.schema
    .createTable('policies')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('vault_id', 'text', (c) => c.notNull())
    .addColumn('name_key', 'text', (c) => c.notNull())
    .addColumn('body', 'text', (c) => c.notNull())
    .addUniqueConstraint('policies_name', ['vault_id', 'name_key'])
    .execute();
  await db.schema
    .createTable('items')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('vault_id', 'text', (c) => c.notNull())
    .addColumn('resource_group_key', 'text', (c) => c.notNull())
    .addColumn('vm_key', 'text', (c) => c.notNull())
    .addColumn('policy_id', 'text')
    .addColumn('protection_state', 'text', (c) => c.notNull())
    .addColumn('purge_at', 'bigint')
    .addColumn('body', 'text', (c) => c.notNull())
    .addUniqueConstraint('items_machine', ['vault_id', 'resource_group_key', 'vm_key'])
    .execute();
  await db.schema.createIndex('items_by_machine').on('items').columns(['resource_group_key', 'vm_key']).execute();
  await db.schema.createIndex('items_by_policy').on('items').column('policy_id').execute();
  await db.schema.createIndex('items_by_purge').on('items').column('purge_at').execute();
};

const points = async (db: Kysely<unknown>): Promise<void> => {
  await db.schema
    .createTable('points')
    .addColumn('item_id', 'text', (c) => c.notNull())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('vault_id', 'text', (c) => c.notNull())
    .addColumn('taken_at', 'bigint', (c) => c.notNull())
    .addColumn('has_snapshot', 'integer', (c) => c.notNull())
    .addColumn('is_vaulted', 'integer', (c) => c.notNull())
    .addColumn('body', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('points_key', ['item_id', 'id'])
    .execute();
  await db.schema.createIndex('points_by_time').on('points').columns(['item_id', 'taken_at', 'id']).execute();
  await db.schema
    .createIndex('points_vaulted')
    .on('points')
    .columns(['item_id', 'is_vaulted', 'taken_at', 'id'])
    .execute();
  await db.schema.createIndex('points_by_vault').on('points').column('vault_id').execute();
};

const jobs = async (db: Kysely<unknown>): Promise<void> => {
  await db.schema
    .createTable('jobs')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('vault_id', 'text', (c) => c.notNull())
    .addColumn('item_id', 'text')
    .addColumn('operation', 'text', (c) => c.notNull())
    .addColumn('status', 'text', (c) => c.notNull())
    .addColumn('start_time', 'bigint', (c) => c.notNull())
    .addColumn('end_time', 'bigint')
    .addColumn('held_phase', 'text')
    .addColumn('cancel_requested', 'integer', (c) => c.notNull())
    .addColumn('epoch', 'integer', (c) => c.notNull())
    .addColumn('lease_owner', 'text')
    .addColumn('lease_until', 'bigint')
    .addColumn('not_before', 'bigint', (c) => c.notNull())
    .addColumn('body', 'text', (c) => c.notNull())
    .execute();
  // One snapshot and one transfer of an item at a time, whatever the code does; nulls are all distinct.
  await db.schema.createIndex('jobs_phase').unique().on('jobs').columns(['item_id', 'held_phase']).execute();
  await db.schema.createIndex('jobs_by_vault').on('jobs').columns(['vault_id', 'start_time', 'id']).execute();
  await db.schema.createIndex('jobs_by_item').on('jobs').columns(['item_id', 'start_time', 'id']).execute();
  await db.schema
    .createIndex('jobs_by_status')
    .on('jobs')
    .columns(['vault_id', 'status', 'start_time', 'id'])
    .execute();
  await db.schema
    .createIndex('jobs_unended')
    .on('jobs')
    .columns(['vault_id', 'end_time', 'start_time', 'id'])
    .execute();
  await db.schema.createIndex('jobs_queue').on('jobs').columns(['end_time', 'start_time', 'id']).execute();
  await db.schema
    .createTable('job_journal')
    .addColumn('job_id', 'text', (c) => c.notNull())
    .addColumn('step', 'text', (c) => c.notNull())
    .addColumn('value', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('job_journal_key', ['job_id', 'step'])
    .execute();
  await db.schema
    .createTable('operations')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('vault_id', 'text')
    .addColumn('status', 'text', (c) => c.notNull())
    .addColumn('start_time', 'bigint', (c) => c.notNull())
    .addColumn('body', 'text', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('operations_by_time').on('operations').column('start_time').execute();
};

const schedule = async (db: Kysely<unknown>): Promise<void> => {
  await db.schema
    .createTable('occurrences')
    .addColumn('item_id', 'text', (c) => c.notNull())
    .addColumn('occurrence_key', 'text', (c) => c.notNull())
    .addColumn('due_at', 'bigint', (c) => c.notNull())
    .addColumn('outcome', 'text', (c) => c.notNull())
    .addColumn('job_id', 'text')
    .addColumn('recorded_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('occurrences_key', ['item_id', 'occurrence_key'])
    .execute();
  await db.schema.createIndex('occurrences_by_time').on('occurrences').columns(['item_id', 'due_at']).execute();
  await db.schema
    .createTable('schedule_cursors')
    .addColumn('item_id', 'text', (c) => c.primaryKey())
    .addColumn('considered_until', 'bigint', (c) => c.notNull())
    .execute();
};

const store = async (db: Kysely<unknown>): Promise<void> => {
  const bytes = db.getExecutor().adapter instanceof SqliteAdapter ? 'blob' : 'bytea';
  await db.schema
    .createTable('packs')
    .addColumn('vault_id', 'text', (c) => c.notNull())
    .addColumn('pack_id', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('size_bytes', 'bigint', (c) => c.notNull())
    .addColumn('slots', 'integer', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('session_id', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('packs_key', ['vault_id', 'pack_id'])
    .execute();
  await db.schema.createIndex('packs_by_state').on('packs').columns(['vault_id', 'state', 'pack_id']).execute();
  await db.schema
    .createTable('sessions')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('vault_id', 'text', (c) => c.notNull())
    .addColumn('job_id', 'text', (c) => c.notNull())
    .addColumn('epoch', 'integer', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('started_at', 'bigint', (c) => c.notNull())
    .addColumn('ended_at', 'bigint')
    .execute();
  await db.schema.createIndex('sessions_by_job').on('sessions').columns(['job_id', 'state']).execute();
  await db.schema.createIndex('sessions_by_vault').on('sessions').columns(['vault_id', 'state']).execute();
  await db.schema
    .createTable('commits')
    .addColumn('vault_id', 'text', (c) => c.notNull())
    .addColumn('cseq', 'bigint', (c) => c.notNull())
    .addColumn('session_id', 'text', (c) => c.notNull().unique())
    .addColumn('item_id', 'text', (c) => c.notNull())
    .addColumn('point_id', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('sha256', 'text', (c) => c.notNull())
    .addColumn('bytes', bytes)
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('commits_key', ['vault_id', 'cseq'])
    .execute();
  await db.schema.createIndex('commits_by_state').on('commits').columns(['state', 'vault_id', 'cseq']).execute();
};

const identity = async (db: Kysely<unknown>): Promise<void> => {
  await db.schema
    .createTable('principals')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('app_id', 'text', (c) => c.notNull().unique())
    .addColumn('body', 'text', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('role_assignments')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('scope_key', 'text', (c) => c.notNull())
    .addColumn('principal_id', 'text', (c) => c.notNull())
    .addColumn('body', 'text', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('role_assignments_by_principal').on('role_assignments').column('principal_id').execute();
};
