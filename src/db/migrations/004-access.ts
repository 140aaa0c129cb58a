import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Who did what; what roles there are besides Azure's; what is locked; who is signed in. */
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
    await locksAndRoles(db);
    await refreshTokens(db);
  },
};

async function locksAndRoles(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('locks')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('scope_key', 'text', (c) => c.notNull())
    .addColumn('body', 'text', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('locks_by_scope').on('locks').column('scope_key').execute();
  await db.schema
    .createTable('role_definitions')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('body', 'text', (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex('role_assignments_by_scope')
    .on('role_assignments')
    .columns(['scope_key', 'id'])
    .execute();
}

async function refreshTokens(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('refresh_tokens')
    .addColumn('hash', 'text', (c) => c.primaryKey())
    .addColumn('family', 'text', (c) => c.notNull())
    .addColumn('principal_id', 'text', (c) => c.notNull())
    .addColumn('client_id', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('used_at', 'bigint')
    .execute();
  await db.schema.createIndex('refresh_tokens_by_family').on('refresh_tokens').column('family').execute();
  await db.schema.createIndex('refresh_tokens_by_principal').on('refresh_tokens').column('principal_id').execute();
  await db.schema.createIndex('refresh_tokens_by_end').on('refresh_tokens').column('expires_at').execute();
}
