import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** The resources beside the vaults: networks, storage accounts, identities, guards, rules … */
export const resources: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable('arm_resources')
      .addColumn('id_key', 'text', (c) => c.primaryKey())
      .addColumn('type_key', 'text', (c) => c.notNull())
      .addColumn('subscription_id', 'text', (c) => c.notNull())
      .addColumn('group_key', 'text', (c) => c.notNull())
      .addColumn('body', 'text', (c) => c.notNull())
      .execute();
    await db.schema
      .createIndex('arm_resources_by_type')
      .on('arm_resources')
      .columns(['type_key', 'subscription_id', 'group_key', 'id_key'])
      .execute();
    await db.schema
      .createIndex('arm_resources_by_group')
      .on('arm_resources')
      .columns(['subscription_id', 'group_key', 'id_key'])
      .execute();
    await db.schema
      .createTable('guest_extensions')
      .addColumn('group_key', 'text', (c) => c.notNull())
      .addColumn('vm_key', 'text', (c) => c.notNull())
      .addColumn('host', 'text', (c) => c.notNull())
      .addColumn('version', 'text')
      .addColumn('look_at', 'bigint')
      .addColumn('body', 'text', (c) => c.notNull())
      .addPrimaryKeyConstraint('guest_extensions_key', ['group_key', 'vm_key'])
      .execute();
    await db.schema.createIndex('guest_extensions_by_look').on('guest_extensions').columns(['look_at']).execute();
  },
};
