import type { CommitState } from './commits.ts';
import type { Queries } from './schema.ts';

/** A commit as a source of roots. */
export interface CommitRoot {
  readonly cseq: number;
  readonly name: string;
  readonly itemId: string;
  readonly pointId: string;
  readonly state: CommitState;
  /** Null: the object is in the store. */
  readonly bytes: Uint8Array | null;
}

const PAGE = 500;

/** All commits above `after`, deleted ones too, ascending, in pages; those that come meanwhile are met. */
export async function* commitRoots(db: Queries, vaultId: string, after: number): AsyncGenerator<readonly CommitRoot[]> {
  for (let from = after; ; ) {
    const rows = await db
      .selectFrom('commits')
      .select(['cseq', 'name', 'item_id as itemId', 'point_id as pointId', 'state', 'bytes'])
      .where('vault_id', '=', vaultId)
      .where('cseq', '>', from)
      .orderBy('cseq')
      .limit(PAGE)
      .execute();
    if (rows.length > 0) yield rows.map((row) => ({ ...row, state: row.state as CommitState }));
    if (rows.length < PAGE) return;
    from = rows.at(-1)!.cseq;
  }
}
