import { chunksOf } from './packs.ts';
import type { Queries } from './schema.ts';

/** A pack and how long the storage is known to keep it. */
export interface PackLock {
  readonly packId: string;
  /** Object name in the store. */
  readonly name: string;
  /** ms; null: never extended. */
  readonly lockedUntil: number | null;
}

/** Of these packs; those the database does not know, or that are gone, are left out. */
export const packLocks = async (
  db: Queries,
  vaultId: string,
  packIds: readonly string[],
): Promise<readonly PackLock[]> => {
  const found: PackLock[] = [];
  for (const some of chunksOf(packIds, 500)) {
    found.push(
      ...(await select(db, vaultId)
        .where('pack_id', 'in', some)
        .where('state', 'not in', ['deleting', 'gone'])
        .execute()),
    );
  }
  return found;
};

/** Those that are locked after `now`, by id, `limit` at a time; go on behind the last one. */
export const lockedPacks = (
  db: Queries,
  vaultId: string,
  page: { readonly after: string; readonly now: number; readonly limit: number },
): Promise<readonly PackLock[]> =>
  select(db, vaultId)
    .where('locked_until', '>', page.now)
    .where('pack_id', '>', page.after)
    .where('state', 'in', ['live', 'condemned'])
    .orderBy('pack_id')
    .limit(page.limit)
    .execute();

/** The storage keeps them at least until then; never shortens. */
export const noteLocked = async (
  db: Queries,
  vaultId: string,
  packIds: readonly string[],
  until: number,
): Promise<void> => {
  for (const some of chunksOf(packIds, 500)) {
    await db
      .updateTable('packs')
      .set({ locked_until: until })
      .where('vault_id', '=', vaultId)
      .where('pack_id', 'in', some)
      .where((e) => e.or([e('locked_until', 'is', null), e('locked_until', '<', until)]))
      .execute();
  }
};

const select = (db: Queries, vaultId: string) =>
  db
    .selectFrom('packs')
    .select(['pack_id as packId', 'name', 'locked_until as lockedUntil'])
    .where('vault_id', '=', vaultId);
