import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Collection, verification and replication of stores. */
export const store: Migration = {
  async up(db) {
    await packs(db);
    await db.schema.createIndex('commits_by_name').on('commits').columns(['vault_id', 'name']).execute();
    await db.schema.createIndex('commits_by_item').on('commits').columns(['vault_id', 'item_id']).execute();
    await db.schema.alterTable('points').addColumn('verified_at', 'bigint').execute();
    await db.schema
      .alterTable('sessions')
      .addColumn('start_epoch', 'bigint', (c) => c.notNull().defaultTo(0))
      .execute();
    await db.schema.alterTable('sessions').addColumn('base_roots', 'text').execute();
    await db.schema
      .createTable('store_states')
      .addColumn('vault_id', 'text', (c) => c.primaryKey())
      .addColumn('gc_epoch', 'bigint', (c) => c.notNull())
      .addColumn('gc_seq', 'bigint', (c) => c.notNull())
      .addColumn('body', 'text', (c) => c.notNull())
      .execute();
    await db.schema
      .createTable('trash')
      .addColumn('vault_id', 'text', (c) => c.notNull())
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('not_before', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('trash_key', ['vault_id', 'name'])
      .execute();
    await db.schema
      .createTable('unknown_objects')
      .addColumn('vault_id', 'text', (c) => c.notNull())
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('seen_at', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('unknown_objects_key', ['vault_id', 'name'])
      .execute();
    await db.schema
      .createTable('point_damages')
      .addColumn('item_id', 'text', (c) => c.notNull())
      .addColumn('point_id', 'text', (c) => c.notNull())
      .addColumn('vault_id', 'text', (c) => c.notNull())
      .addColumn('found_at', 'bigint', (c) => c.notNull())
      .addColumn('body', 'text', (c) => c.notNull())
      .addPrimaryKeyConstraint('point_damages_key', ['item_id', 'point_id'])
      .execute();
    await db.schema.createIndex('point_damages_by_vault').on('point_damages').column('vault_id').execute();
  },
};

const packs = async (db: Kysely<unknown>): Promise<void> => {
  const times = ['condemned_at', 'condemned_epoch', 'locked_until', 'verified_at', 'damaged_at', 'suspect_at'];
  for (const time of times) await db.schema.alterTable('packs').addColumn(time, 'bigint').execute();
  await db.schema.alterTable('packs').addColumn('condemned_for', 'text').execute();
  await db.schema.alterTable('packs').addColumn('records', 'integer').execute();
  await db.schema.createIndex('packs_by_session').on('packs').column('session_id').execute();
  await db.schema.createIndex('packs_by_verified').on('packs').columns(['vault_id', 'verified_at']).execute();
};
