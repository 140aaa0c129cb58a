import type { Queries } from './schema.ts';

/** Which commits were in the store at one moment. */
export interface CommitsAt {
  /** None later. */
  readonly lastCseq: number;
  /** Decided by then, and perhaps not in the store. */
  readonly undecided: ReadonlySet<number>;
}

export interface PublishedCommit {
  readonly cseq: number;
  readonly name: string;
  readonly createdAt: number;
}

/** Call it before the packs are looked at: what these commits reach is recorded by now. */
export const commitsAt = async (db: Queries, vaultId: string): Promise<CommitsAt> => {
  const rows = await db
    .selectFrom('commits')
    .select('cseq')
    .where('vault_id', '=', vaultId)
    .where('state', '=', 'committing')
    .execute();
  const last = await db
    .selectFrom('commits')
    .select((e) => e.fn.max('cseq').as('cseq'))
    .where('vault_id', '=', vaultId)
    .executeTakeFirst();
  return { lastCseq: Number(last?.cseq ?? 0), undecided: new Set(rows.map(({ cseq }) => cseq)) };
};

/** Published then and still, by number, in pages; go on with the last one's number as `after`. */
export const publishedPage = async (
  db: Queries,
  vaultId: string,
  { lastCseq, undecided }: CommitsAt,
  after: number,
  limit = 1000,
): Promise<{ readonly commits: readonly PublishedCommit[]; readonly next?: number }> => {
  const rows = await db
    .selectFrom('commits')
    .select(['cseq', 'name', 'created_at'])
    .where('vault_id', '=', vaultId)
    .where('state', '=', 'published')
    .where('cseq', '>', after)
    .where('cseq', '<=', lastCseq)
    .orderBy('cseq')
    .limit(limit)
    .execute();
  const commits = rows
    .filter(({ cseq }) => !undecided.has(cseq))
    .map(({ cseq, name, created_at }) => ({ cseq, name, createdAt: created_at }));
  return { commits, ...(rows.length === limit ? { next: rows.at(-1)!.cseq } : {}) };
};

export const isPublished = async (db: Queries, vaultId: string, cseq: number): Promise<boolean> =>
  (await db
    .selectFrom('commits')
    .select('cseq')
    .where('vault_id', '=', vaultId)
    .where('cseq', '=', cseq)
    .where('state', '=', 'published')
    .executeTakeFirst()) !== undefined;
