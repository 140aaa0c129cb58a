import type { Queries } from './schema.ts';

/** A management lock: what may not be done at its scope and below. */
export interface LockRecord {
  /** Whole ARM id in ARM's spelling: '{scope}/providers/Microsoft.Authorization/locks/{name}'. */
  readonly id: string;
  /** ARM id of what is locked. */
  readonly scope: string;
  readonly name: string;
  readonly level: 'CanNotDelete' | 'ReadOnly';
  readonly notes?: string;
  readonly owners?: readonly { readonly applicationId: string }[];
  readonly createdAt: number;
}

/** Locks that hold at `scope`: set on it or on what it lies in. In the order of their ids. */
export const locksAt = async (db: Queries, scope: string): Promise<readonly LockRecord[]> =>
  fromRows(await db.selectFrom('locks').select('body').where('scope_key', 'in', around(scope)).orderBy('id').execute());

/** Locks set on what lies below `scope`. */
export const locksBelow = async (db: Queries, scope: string): Promise<readonly LockRecord[]> => {
  const key = keyOf(scope);
  // '0' follows '/' in ASCII
  return fromRows(
    await db
      .selectFrom('locks')
      .select('body')
      .where('scope_key', '>=', `${key}/`)
      .where('scope_key', '<', `${key}0`)
      .orderBy('id')
      .execute(),
  );
};

export const findLock = async (db: Queries, id: string): Promise<LockRecord | undefined> => {
  const row = await db.selectFrom('locks').select('body').where('id', '=', keyOf(id)).executeTakeFirst();
  return row && (JSON.parse(row.body) as LockRecord);
};

/** Makes it or replaces it, by id. */
export const putLock = async (db: Queries, lock: LockRecord): Promise<void> => {
  const row = { id: keyOf(lock.id), scope_key: keyOf(lock.scope), body: JSON.stringify(lock) };
  await db
    .insertInto('locks')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
};

/** Whether there was one. */
export const deleteLock = async (db: Queries, id: string): Promise<boolean> =>
  (await db.deleteFrom('locks').where('id', '=', keyOf(id)).executeTakeFirst()).numDeletedRows > 0n;

/** '/subscriptions/s/resourceGroups/g' → itself and '/subscriptions/s'; segments that name no resource do no harm. */
function around(scope: string): string[] {
  const parts = keyOf(scope).split('/').slice(1);
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`);
}

const keyOf = (id: string): string => id.replace(/\/+$/, '').replace(/[A-Z]/g, (letter) => letter.toLowerCase());

const fromRows = (rows: readonly { readonly body: string }[]): LockRecord[] =>
  rows.map((row) => JSON.parse(row.body) as LockRecord);
