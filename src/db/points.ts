import { hasSnapshot, isVaulted, type RecoveryPoint } from '../vault/recoveryPoint.ts';
import { DEFAULT_PAGE_SIZE, decodeKeyset, type Page, type PageRequest, pageOf } from './page.ts';
import type { Queries } from './schema.ts';

export interface PointFilter {
  /** ms, both inclusive. */
  readonly takenFrom?: number;
  readonly takenTo?: number;
  /** Only points of which a tier can still be restored. */
  readonly restorableOnly?: boolean;
  readonly vaultedOnly?: boolean;
  readonly snapshotOnly?: boolean;
}

/** Makes it or replaces it, by item and id. */
export const putPoint = async (db: Queries, point: RecoveryPoint): Promise<void> => {
  const row = toRow(point);
  await db
    .insertInto('points')
    .values(row)
    .onConflict((conflict) => conflict.columns(['item_id', 'id']).doUpdateSet(row))
    .execute();
};

export const getPoint = async (db: Queries, itemId: string, pointId: string): Promise<RecoveryPoint | undefined> => {
  const row = await db
    .selectFrom('points')
    .select('body')
    .where('item_id', '=', itemId)
    .where('id', '=', pointId)
    .executeTakeFirst();
  return row && fromRow(row);
};

/** Newest first. Errors: InvalidSkipToken. */
export const listPoints = async (
  db: Queries,
  itemId: string,
  filter: PointFilter = {},
  page: PageRequest = {},
): Promise<Page<RecoveryPoint>> => {
  const limit = page.limit ?? DEFAULT_PAGE_SIZE;
  let query = filtered(db, itemId, filter);
  if (page.after !== undefined) {
    const { time, id } = decodeKeyset(page.after);
    query = query.where((e) => e.or([e('taken_at', '<', time), e.and([e('taken_at', '=', time), e('id', '<', id)])]));
  }
  const rows = await query
    .orderBy('taken_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  return pageOf(rows.map(fromRow), limit, (point) => ({ time: point.takenAt, id: point.id }));
};

/** Every point of an item that the filter lets through, newest first: for retention, which sees them all. */
export const allPoints = async (
  db: Queries,
  itemId: string,
  filter: PointFilter = {},
): Promise<readonly RecoveryPoint[]> =>
  (await filtered(db, itemId, filter).orderBy('taken_at', 'desc').orderBy('id', 'desc').execute()).map(fromRow);

/** The newest point in the vault: what the next transfer builds on. */
export const newestVaultedPoint = async (db: Queries, itemId: string): Promise<RecoveryPoint | undefined> =>
  (await listPoints(db, itemId, { vaultedOnly: true }, { limit: 1 })).values[0];

/** Restorable points. */
export const countPoints = async (db: Queries, itemId: string): Promise<number> => {
  const row = await filteredCount(db, itemId).executeTakeFirstOrThrow();
  return Number(row.points);
};

export const deletePoint = async (db: Queries, itemId: string, pointId: string): Promise<void> => {
  await db.deleteFrom('points').where('item_id', '=', itemId).where('id', '=', pointId).execute();
};

const filtered = (db: Queries, itemId: string, filter: PointFilter) => {
  let query = db.selectFrom('points').select('body').where('item_id', '=', itemId);
  if (filter.takenFrom !== undefined) query = query.where('taken_at', '>=', filter.takenFrom);
  if (filter.takenTo !== undefined) query = query.where('taken_at', '<=', filter.takenTo);
  if (filter.vaultedOnly) query = query.where('is_vaulted', '=', 1);
  if (filter.snapshotOnly) query = query.where('has_snapshot', '=', 1);
  if (filter.restorableOnly) query = query.where((e) => e.or([e('has_snapshot', '=', 1), e('is_vaulted', '=', 1)]));
  return query;
};

const filteredCount = (db: Queries, itemId: string) =>
  db
    .selectFrom('points')
    .select((e) => e.fn.countAll<number>().as('points'))
    .where('item_id', '=', itemId)
    .where((e) => e.or([e('has_snapshot', '=', 1), e('is_vaulted', '=', 1)]));

const toRow = (point: RecoveryPoint) => ({
  item_id: point.itemId,
  id: point.id,
  vault_id: point.vaultId,
  taken_at: point.takenAt,
  has_snapshot: hasSnapshot(point) ? 1 : 0,
  is_vaulted: isVaulted(point) ? 1 : 0,
  body: JSON.stringify(point),
});

const fromRow = (row: { body: string }): RecoveryPoint => JSON.parse(row.body) as RecoveryPoint;
