import type { Queries } from './schema.ts';

/** What lets one critical operation of a vault through, once and for a while. */
export interface VaultToken {
  readonly vaultId: string;
  /** 'unlock': a consent to delete a resource; 'pin': a security PIN. */
  readonly kind: 'unlock' | 'pin';
  /** Of an unlock the caller and the resource, of a PIN its hash; compared as it stands. */
  readonly subject: string;
}

/** Makes it or prolongs it; those that have expired are forgotten. `expiresAt`: ms since epoch. */
export const putVaultToken = async (
  db: Queries,
  { vaultId, kind, subject }: VaultToken,
  { now, expiresAt }: { readonly now: number; readonly expiresAt: number },
): Promise<void> => {
  await db.deleteFrom('vault_tokens').where('expires_at', '<=', now).execute();
  await db
    .insertInto('vault_tokens')
    .values({ vault_id: vaultId, kind, subject, expires_at: expiresAt })
    .onConflict((c) => c.columns(['vault_id', 'kind', 'subject']).doUpdateSet({ expires_at: expiresAt }))
    .execute();
};

/** Spends it; false: there is none, or it has expired. */
export const spendVaultToken = async (
  db: Queries,
  { vaultId, kind, subject }: VaultToken,
  now: number,
): Promise<boolean> => {
  const spent = await db
    .deleteFrom('vault_tokens')
    .where('vault_id', '=', vaultId)
    .where('kind', '=', kind)
    .where('subject', '=', subject)
    .where('expires_at', '>', now)
    .executeTakeFirst();
  return spent.numDeletedRows > 0n;
};
