import type { RecoveryPoint } from '../vault/recoveryPoint.ts';
import type { Queries } from './schema.ts';

/** Points in the vault, those never verified first (newest first), then the least recently verified. */
export const pointsToVerify = async (
  db: Queries,
  vaultId: string,
  which: { readonly kind: 'never' | 'oldest'; readonly verifiedBefore: number; readonly limit: number },
): Promise<readonly RecoveryPoint[]> => {
  let query = db.selectFrom('points').select('body').where('vault_id', '=', vaultId).where('is_vaulted', '=', 1);
  query =
    which.kind === 'never'
      ? query.where('verified_at', 'is', null).orderBy('taken_at', 'desc')
      : query.where('verified_at', '<', which.verifiedBefore).orderBy('verified_at');
  return (await query.limit(which.limit).execute()).map(({ body }) => JSON.parse(body) as RecoveryPoint);
};

/** The vault's points, by item and id, `limit` at a time. */
export const vaultedPoints = async (
  db: Queries,
  vaultId: string,
  page: { readonly after?: { readonly itemId: string; readonly id: string }; readonly limit: number },
): Promise<readonly RecoveryPoint[]> => {
  let query = db.selectFrom('points').select('body').where('vault_id', '=', vaultId).where('is_vaulted', '=', 1);
  if (page.after) {
    const { itemId, id } = page.after;
    query = query.where((e) => e.or([e('item_id', '>', itemId), e.and([e('item_id', '=', itemId), e('id', '>', id)])]));
  }
  const rows = await query.orderBy('item_id').orderBy('id').limit(page.limit).execute();
  return rows.map(({ body }) => JSON.parse(body) as RecoveryPoint);
};

export const countVaultedPoints = async (db: Queries, vaultId: string): Promise<number> => {
  const row = await db
    .selectFrom('points')
    .select((e) => e.fn.countAll<number>().as('points'))
    .where('vault_id', '=', vaultId)
    .where('is_vaulted', '=', 1)
    .executeTakeFirstOrThrow();
  return Number(row.points);
};

/** The item's newest other point that was verified whole: what the two share need not be opened again. */
export const verifiedPointNear = async (db: Queries, point: RecoveryPoint): Promise<RecoveryPoint | undefined> => {
  const row = await db
    .selectFrom('points')
    .select('body')
    .where('item_id', '=', point.itemId)
    .where('id', '!=', point.id)
    .where('is_vaulted', '=', 1)
    .where('verified_at', 'is not', null)
    .orderBy('taken_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row && (JSON.parse(row.body) as RecoveryPoint);
};

/** Of any item: ids of points are unique in their item, so the newest one of that id. */
export const vaultedPointById = async (
  db: Queries,
  vaultId: string,
  pointId: string,
): Promise<RecoveryPoint | undefined> => {
  const row = await db
    .selectFrom('points')
    .select('body')
    .where('vault_id', '=', vaultId)
    .where('id', '=', pointId)
    .where('is_vaulted', '=', 1)
    .orderBy('taken_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row && (JSON.parse(row.body) as RecoveryPoint);
};

export const markPointVerified = async (
  db: Queries,
  point: { readonly itemId: string; readonly id: string },
  now: number | null,
): Promise<void> => {
  await db
    .updateTable('points')
    .set({ verified_at: now })
    .where('item_id', '=', point.itemId)
    .where('id', '=', point.id)
    .execute();
};
