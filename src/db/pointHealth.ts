import { fromDamageRow, type PointDamage } from './damages.ts';
import type { Queries } from './schema.ts';

/** What is known of a point's bytes in the vault. */
export interface PointHealth {
  /** When all of them were last opened and re-hashed, ms; absent: never. */
  readonly verifiedAt?: number;
  /** What of it cannot be restored; absent: nothing, as far as is known. */
  readonly damage?: PointDamage;
}

/** Of a page of one item's points, by point id. */
export const pointsHealth = async (
  db: Queries,
  itemId: string,
  points: readonly { readonly id: string }[],
): Promise<ReadonlyMap<string, PointHealth>> => {
  const ids = points.map(({ id }) => id);
  const health = new Map<string, PointHealth>();
  if (ids.length === 0) return health;
  const verified = await db
    .selectFrom('points')
    .select(['id', 'verified_at'])
    .where('item_id', '=', itemId)
    .where('id', 'in', ids)
    .where('verified_at', 'is not', null)
    .execute();
  for (const { id, verified_at: verifiedAt } of verified) if (verifiedAt !== null) health.set(id, { verifiedAt });
  const damages = await db
    .selectFrom('point_damages')
    .selectAll()
    .where('item_id', '=', itemId)
    .where('point_id', 'in', ids)
    .execute();
  for (const row of damages) health.set(row.point_id, { ...health.get(row.point_id), damage: fromDamageRow(row) });
  return health;
};
