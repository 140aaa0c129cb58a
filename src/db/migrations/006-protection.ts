import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { ProtectedItem } from '../../vault/protectedItem.ts';
import { healthOf, isActivelyProtected } from '../../vault/protection.ts';

/** What lists of items are filtered by, and when the scheduler looks at each: it reads those alone that are due. */
export const protection: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const items = db.schema.alterTable('items');
    await items.addColumn('health', 'text', (c) => c.notNull().defaultTo('Passed')).execute();
    await items.addColumn('has_intent', 'integer', (c) => c.notNull().defaultTo(0)).execute();
    await items.addColumn('next_due_at', 'bigint').execute();
    await items.addColumn('prune_at', 'bigint', (c) => c.notNull().defaultTo(0)).execute();
    await items.addColumn('pruned_at', 'bigint').execute();
    await items.addColumn('purge_announced', 'integer', (c) => c.notNull().defaultTo(0)).execute();
    await items.addColumn('snapshot_group_key', 'text').execute();
    const index = (name: string, columns: string[]) =>
      db.schema.createIndex(name).on('items').columns(columns).execute();
    await index('items_due', ['next_due_at', 'id']);
    await index('items_prune', ['prune_at', 'id']);
    await index('items_by_snapshot_group', ['snapshot_group_key', 'resource_group_key', 'vm_key', 'id']);
    await fill(db as Kysely<{ items: { id: string; body: string; health: string; next_due_at: number | null } }>);
  },
};

const fill = async (
  db: Kysely<{ items: { id: string; body: string; health: string; next_due_at: number | null } }>,
): Promise<void> => {
  for (const { id, body } of await db.selectFrom('items').select(['id', 'body']).execute()) {
    const item = JSON.parse(body) as ProtectedItem;
    const row = { health: healthOf(item), next_due_at: isActivelyProtected(item) ? 0 : null };
    await db.updateTable('items').set(row).where('id', '=', id).execute();
  }
};
