import type { Queries } from './schema.ts';

/** Restores of an item that were asked for since then, ms. */
export const countRestores = async (db: Queries, itemId: string, since: number): Promise<number> => {
  const row = await db
    .selectFrom('jobs')
    .select((e) => e.fn.countAll<number>().as('restores'))
    .where('item_id', '=', itemId)
    .where('operation', 'in', ['Restore', 'CrossRegionRestore'])
    .where('start_time', '>=', since)
    .executeTakeFirstOrThrow();
  return Number(row.restores);
};
