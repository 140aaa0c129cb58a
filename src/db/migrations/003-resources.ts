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
  },
};
