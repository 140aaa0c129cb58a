import type { Queries } from './schema.ts';

/** What of its points an item shows; times in ms. */
export interface PointSpan {
  /** Restorable ones. */
  readonly count: number;
  readonly oldest?: number;
  readonly oldestInVault?: number;
  readonly newest?: number;
}

/** Read from the index, however many points there are. */
export const pointSpan = async (db: Queries, itemId: string): Promise<PointSpan> => {
  const all = await db
    .selectFrom('points')
    .select((e) => [
      e.fn.countAll<number>().as('points'),
      e.fn.min('taken_at').as('oldest'),
      e.fn.max('taken_at').as('newest'),
    ])
    .where('item_id', '=', itemId)
    .where((e) => e.or([e('has_snapshot', '=', 1), e('is_vaulted', '=', 1)]))
    .executeTakeFirstOrThrow();
  const vaulted = await db
    .selectFrom('points')
    .select('taken_at')
    .where('item_id', '=', itemId)
    .where('is_vaulted', '=', 1)
    .orderBy('taken_at')
    .limit(1)
    .executeTakeFirst();
  return {
    count: Number(all.points),
    ...(all.oldest === null ? {} : { oldest: Number(all.oldest) }),
    ...(all.newest === null ? {} : { newest: Number(all.newest) }),
    ...(vaulted === undefined ? {} : { oldestInVault: vaulted.taken_at }),
  };
};

/** When the newest restorable point of each item was taken, ms; items without one are absent. */
export const newestPointTimes = async (
  db: Queries,
  itemIds: readonly string[],
): Promise<ReadonlyMap<string, number>> => {
  if (itemIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('items')
    .select((e) => [
      'items.id',
      e
        .selectFrom('points')
        .select('points.taken_at')
        .whereRef('points.item_id', '=', 'items.id')
        .where((p) => p.or([p('points.has_snapshot', '=', 1), p('points.is_vaulted', '=', 1)]))
        .orderBy('points.taken_at', 'desc')
        .limit(1)
        .as('newest'),
    ])
    .where('items.id', 'in', [...itemIds])
    .execute();
  return new Map(rows.flatMap((row) => (row.newest === null ? [] : [[row.id, row.newest] as const])));
};
