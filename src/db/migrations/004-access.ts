import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Who did what. */
export const access: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable('audit_events')
      .addColumn('seq', 'bigint', (c) => c.primaryKey())
      .addColumn('at', 'bigint', (c) => c.notNull())
      .addColumn('correlation_id', 'text', (c) => c.notNull())
      .addColumn('caller', 'text', (c) => c.notNull())
      .addColumn('resource_key', 'text', (c) => c.notNull())
      .addColumn('category', 'text', (c) => c.notNull())
      .addColumn('hash', 'text', (c) => c.notNull())
      .addColumn('body', 'text', (c) => c.notNull())
      .execute();
    await db.schema.createIndex('audit_events_by_time').on('audit_events').columns(['at', 'seq']).execute();
    await db.schema
      .createIndex('audit_events_by_resource')
      .on('audit_events')
      .columns(['resource_key', 'at', 'seq'])
      .execute();
    await db.schema.createIndex('audit_events_by_correlation').on('audit_events').column('correlation_id').execute();
  },
};
