import type { Queries } from './schema.ts';

/** A part of a disk that cannot be restored. Bytes from the disk's start. */
export interface DamagedRange {
  readonly offset: number;
  readonly length: number;
}

export interface DamagedDisk {
  readonly lun: number;
  readonly name: string;
  /** Ascending, neighbours joined; the first ones only when there are very many. */
  readonly ranges: readonly DamagedRange[];
  /** All of them. */
  readonly rangeCount: number;
  readonly sizeBytes: number;
}

/** What a damage of the store means for one recovery point. */
export interface PointDamage {
  readonly vaultId: string;
  readonly itemId: string;
  readonly pointId: string;
  /** When it was first found. */
  readonly foundAt: number;
  readonly disks: readonly DamagedDisk[];
  /** What else is wrong with it, in words: its commit object is lost. */
  readonly notes?: readonly string[];
}

/** Makes it or replaces it; the time of the first finding stays. */
export const putDamage = async (db: Queries, damage: PointDamage): Promise<void> => {
  const { vaultId, itemId, pointId, foundAt, ...body } = damage;
  const key = { item_id: itemId, point_id: pointId };
  const row = { ...key, vault_id: vaultId, found_at: foundAt, body: JSON.stringify(body) };
  await db
    .insertInto('point_damages')
    .values(row)
    .onConflict((conflict) => conflict.columns(['item_id', 'point_id']).doUpdateSet({ body: row.body }))
    .execute();
};

/** Undefined: the whole point can be restored, as far as is known. */
export const damagesOf = async (
  db: Queries,
  point: { readonly itemId: string; readonly id: string },
): Promise<PointDamage | undefined> => {
  const row = await db
    .selectFrom('point_damages')
    .selectAll()
    .where('item_id', '=', point.itemId)
    .where('point_id', '=', point.id)
    .executeTakeFirst();
  return row && fromDamageRow(row);
};

/** The vault's damaged points, `limit` of them at most. */
export const listDamages = async (db: Queries, vaultId: string, limit = 1000): Promise<readonly PointDamage[]> => {
  const rows = await db
    .selectFrom('point_damages')
    .selectAll()
    .where('vault_id', '=', vaultId)
    .orderBy('item_id')
    .orderBy('point_id')
    .limit(limit)
    .execute();
  return rows.map(fromDamageRow);
};

export const countDamagedPoints = async (db: Queries, vaultId: string): Promise<number> => {
  const row = await db
    .selectFrom('point_damages')
    .select((e) => e.fn.countAll<number>().as('points'))
    .where('vault_id', '=', vaultId)
    .executeTakeFirstOrThrow();
  return Number(row.points);
};

export const clearDamage = async (
  db: Queries,
  point: { readonly itemId: string; readonly id: string },
): Promise<void> => {
  await db.deleteFrom('point_damages').where('item_id', '=', point.itemId).where('point_id', '=', point.id).execute();
};

/** Points that were let go are damaged no more. */
export const forgetDamagesOfGonePoints = async (db: Queries, vaultId: string): Promise<void> => {
  await db
    .deleteFrom('point_damages')
    .where('vault_id', '=', vaultId)
    .where((e) =>
      e.not(
        e.exists(
          e
            .selectFrom('points')
            .select('points.id')
            .whereRef('points.item_id', '=', 'point_damages.item_id')
            .whereRef('points.id', '=', 'point_damages.point_id')
            .where('points.is_vaulted', '=', 1),
        ),
      ),
    )
    .execute();
};

export const fromDamageRow = (row: {
  readonly vault_id: string;
  readonly item_id: string;
  readonly point_id: string;
  readonly found_at: number;
  readonly body: string;
}): PointDamage => ({
  ...(JSON.parse(row.body) as Pick<PointDamage, 'disks' | 'notes'>),
  vaultId: row.vault_id,
  itemId: row.item_id,
  pointId: row.point_id,
  foundAt: row.found_at,
});
