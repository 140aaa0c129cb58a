import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Vaults that are deleted and can be taken back; consents and PINs. */
export const vaultsLife: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema.alterTable('vaults').addColumn('deleted_at', 'bigint').execute();
    await db.schema.alterTable('vaults').addColumn('purge_at', 'bigint').execute();
    await db.schema.createIndex('vaults_by_purge').on('vaults').column('purge_at').execute();
    await db.schema
      .createTable('vault_tokens')
      .addColumn('vault_id', 'text', (c) => c.notNull())
      .addColumn('kind', 'text', (c) => c.notNull())
      .addColumn('subject', 'text', (c) => c.notNull())
      .addColumn('expires_at', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('vault_tokens_key', ['vault_id', 'kind', 'subject'])
      .execute();
  },
};
