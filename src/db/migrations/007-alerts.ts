import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Alerts and how they are told; downloads of job lists; jobs by what they work on. */
export const alerts: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await alertTables(db);
    await outboxTables(db);
    await jobsByEntity(db as Kysely<Jobs>);
  },
};

interface Jobs {
  jobs: { id: string; body: string; entity_key: string };
}

const alertTables = async (db: Kysely<unknown>): Promise<void> => {
  await db.schema
    .createTable('alerts')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('vault_id', 'text', (c) => c.notNull())
    .addColumn('item_id', 'text')
    .addColumn('target_key', 'text', (c) => c.notNull())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('severity', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('fired_at', 'bigint', (c) => c.notNull())
    .addColumn('resolved_at', 'bigint')
    .addColumn('body', 'text', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('alerts_by_time').on('alerts').columns(['fired_at', 'id']).execute();
  await db.schema.createIndex('alerts_by_target').on('alerts').columns(['target_key', 'fired_at', 'id']).execute();
  await db.schema.createIndex('alerts_open').on('alerts').columns(['item_id', 'kind', 'resolved_at']).execute();
  await db.schema
    .createTable('alert_changes')
    .addColumn('alert_id', 'text', (c) => c.notNull())
    .addColumn('number', 'integer', (c) => c.notNull())
    .addColumn('at', 'bigint', (c) => c.notNull())
    .addColumn('awaits_routing', 'integer', (c) => c.notNull())
    .addColumn('body', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('alert_changes_key', ['alert_id', 'number'])
    .execute();
  await db.schema.createIndex('alert_changes_queue').on('alert_changes').columns(['awaits_routing', 'at']).execute();
};

const outboxTables = async (db: Kysely<unknown>): Promise<void> => {
  await db.schema
    .createTable('notifications')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('about', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('attempts', 'integer', (c) => c.notNull())
    .addColumn('not_before', 'bigint', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('body', 'text', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('notifications_queue').on('notifications').columns(['state', 'not_before']).execute();
  await db.schema.createIndex('notifications_by_about').on('notifications').column('about').execute();
  await db.schema
    .createTable('job_exports')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('vault_id', 'text', (c) => c.notNull())
    .addColumn('key_hash', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('used_at', 'bigint')
    .addColumn('body', 'text', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('job_exports_by_end').on('job_exports').column('expires_at').execute();
};

const jobsByEntity = async (db: Kysely<Jobs>): Promise<void> => {
  await db.schema
    .alterTable('jobs')
    .addColumn('entity_key', 'text', (c) => c.notNull().defaultTo(''))
    .execute();
  for (const { id, body } of await db.selectFrom('jobs').select(['id', 'body']).execute()) {
    const { entityFriendlyName = '' } = JSON.parse(body) as { entityFriendlyName?: string };
    await db.updateTable('jobs').set({ entity_key: entityFriendlyName.toLowerCase() }).where('id', '=', id).execute();
  }
  await db.schema
    .createIndex('jobs_by_entity')
    .on('jobs')
    .columns(['vault_id', 'entity_key', 'start_time', 'id'])
    .execute();
};
