import { inTransaction } from './database.ts';
import type { Queries } from './schema.ts';

/** One refresh token; the token itself is nowhere. Those that follow each other from one sign-in are a family. */
export interface RefreshTokenRecord {
  /** SHA-256 of the token, hex. */
  readonly hash: string;
  readonly family: string;
  readonly principalId: string;
  readonly clientId: string;
  /** Ms since epoch. */
  readonly expiresAt: number;
  /** When it was exchanged for its successor. */
  readonly usedAt?: number;
}

const MAX_FAMILIES = 50;

/** Keeps a token, and of a principal's sign-ins the newest 50. Forgets what has ended. */
export const putRefreshToken = (db: Queries, token: RefreshTokenRecord, now: number): Promise<void> =>
  inTransaction(db, async (tx) => {
    await tx.deleteFrom('refresh_tokens').where('expires_at', '<=', now).execute();
    await tx.insertInto('refresh_tokens').values(toRow(token)).execute();
    const newest = await tx
      .selectFrom('refresh_tokens')
      .select((select) => ['family', select.fn.max('expires_at').as('end')])
      .where('principal_id', '=', token.principalId)
      .groupBy('family')
      .orderBy('end', 'desc')
      .limit(MAX_FAMILIES + 1)
      .execute();
    if (newest.length > MAX_FAMILIES) await deleteRefreshTokens(tx, { family: newest.at(-1)!.family });
  });

export const findRefreshToken = async (db: Queries, hash: string): Promise<RefreshTokenRecord | undefined> => {
  const row = await db.selectFrom('refresh_tokens').selectAll().where('hash', '=', hash).executeTakeFirst();
  if (row === undefined) return undefined;
  return {
    hash: row.hash,
    family: row.family,
    principalId: row.principal_id,
    clientId: row.client_id,
    expiresAt: Number(row.expires_at),
    ...(row.used_at === null ? {} : { usedAt: Number(row.used_at) }),
  };
};

/** Marks it used unless it is already: whether this call did it. */
export const useRefreshToken = async (db: Queries, hash: string, now: number): Promise<boolean> => {
  const result = await db
    .updateTable('refresh_tokens')
    .set({ used_at: now })
    .where('hash', '=', hash)
    .where('used_at', 'is', null)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
};

/** Signs out: one sign-in, or all of a principal. */
export const deleteRefreshTokens = async (
  db: Queries,
  which: { readonly family: string } | { readonly principalId: string },
): Promise<void> => {
  const rows = db.deleteFrom('refresh_tokens');
  await ('family' in which
    ? rows.where('family', '=', which.family)
    : rows.where('principal_id', '=', which.principalId)
  ).execute();
};

const toRow = (token: RefreshTokenRecord) => ({
  hash: token.hash,
  family: token.family,
  principal_id: token.principalId,
  client_id: token.clientId,
  expires_at: token.expiresAt,
  used_at: token.usedAt ?? null,
});
