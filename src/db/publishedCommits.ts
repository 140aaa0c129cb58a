import type { Queries } from './schema.ts';

/** A commit whose object must be in the store. */
export interface PublishedCommit {
  readonly cseq: number;
  readonly itemId: string;
  readonly pointId: string;
  readonly name: string;
  readonly sha256: string;
  readonly createdAt: number;
  /** SHA-256 of the commit object before it; null for the first. */
  readonly previous: string | null;
  /** Name of the commit object after it. */
  readonly next?: string;
}

/** By number, from the one after `after` on. */
export const publishedCommits = async (
  db: Queries,
  vaultId: string,
  page: { readonly after: number; readonly limit: number },
): Promise<readonly PublishedCommit[]> => {
  const rows = await db
    .selectFrom('commits')
    .leftJoin('commits as before', (join) =>
      join
        .onRef('before.vault_id', '=', 'commits.vault_id')
        .on((e) => e('before.cseq', '=', e('commits.cseq', '-', 1))),
    )
    .leftJoin('commits as next', (join) =>
      join
        .onRef('next.vault_id', '=', 'commits.vault_id')
        .on((e) => e('next.cseq', '=', e('commits.cseq', '+', 1)))
        .on('next.state', '=', 'published'),
    )
    .selectAll('commits')
    .select(['before.sha256 as previous', 'next.name as next'])
    .where('commits.vault_id', '=', vaultId)
    .where('commits.state', '=', 'published')
    .where('commits.cseq', '>', page.after)
    .orderBy('commits.cseq')
    .limit(page.limit)
    .execute();
  return rows.map((row) => ({
    ...{ cseq: row.cseq, itemId: row.item_id, pointId: row.point_id, name: row.name, sha256: row.sha256 },
    ...{ createdAt: row.created_at, previous: row.previous ?? null },
    ...(row.next !== null && { next: row.next }),
  }));
};

/** The same commit with another object: decided, until it is published. Call it in a transaction. */
export const replaceCommit = async (
  db: Queries,
  vaultId: string,
  commit: Pick<PublishedCommit, 'cseq' | 'name'>,
  by: { readonly name: string; readonly sha256: string; readonly bytes: Uint8Array },
): Promise<void> => {
  const result = await db
    .updateTable('commits')
    .set({ name: by.name, sha256: by.sha256, bytes: new Uint8Array(by.bytes), state: 'committing' })
    .where('vault_id', '=', vaultId)
    .where('cseq', '=', commit.cseq)
    .where('name', '=', commit.name)
    .where('state', '=', 'published')
    .executeTakeFirst();
  if (result.numUpdatedRows === 0n) throw new Error(`commit ${commit.cseq} of vault ${vaultId} has changed meanwhile`);
};
