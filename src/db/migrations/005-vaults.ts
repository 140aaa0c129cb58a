import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

export const vaultsLife: Migration = {
  async up(_db: Kysely<unknown>): Promise<void> {},
};
