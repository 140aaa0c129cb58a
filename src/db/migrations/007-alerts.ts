import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

export const alerts: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable('alerts')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('vault_id', 'text', (c) => c.notNull())
      .addColumn('item_id', 'text')
      .addColumn('kind', 'text', (c) => c.notNull())
      .addColumn('severity', 'text', (c) => c.notNull())
      .addColumn('state', 'text', (c) => c.notNull())
      .addColumn('fired_at', 'bigint', (c) => c.notNull())
      .addColumn('resolved_at', 'bigint')
      .addColumn('body', 'text', (c) => c.notNull())
      .execute();
    await db.schema.createIndex('alerts_by_time').on('alerts').columns(['fired_at', 'id']).execute();
    await db.schema.createIndex('alerts_by_vault').on('alerts').columns(['vault_id', 'fired_at', 'id']).execute();
  },
};
