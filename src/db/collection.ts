import { CodedError } from '../lib/error.ts';
import { inTransaction } from './database.ts';
import { holdJob } from './jobRow.ts';
import { chunksOf, type Pack, type PackState, packFromRow } from './packs.ts';
import type { Queries, Schema } from './schema.ts';
import { changeStoreState, getStoreState } from './storeStates.ts';

/** A pack as a collection looks at it. */
export interface CollectablePack extends Pack {
  /** Records in its present generation. */
  readonly records: number;
  readonly condemnedFor?: 'drop' | 'compact';
  readonly condemnedAt?: number;
  readonly condemnedEpoch?: number;
  readonly lockedUntil?: number;
  readonly damagedAt?: number;
}

/** The job that collects, and its present epoch: a run that lost its lease decides nothing. */
export interface Collector {
  readonly vaultId: string;
  readonly jobId: string;
  readonly epoch: number;
}

/** Pack ids, by what becomes of them. */
export interface CollectionMoves {
  /** Condemned, with records that are live again. */
  readonly rescue: readonly string[];
  /** Live, without a live record. */
  readonly condemnToDrop: readonly string[];
  /** Live, most of their records dead. */
  readonly condemnToCompact: readonly string[];
  readonly drop: readonly string[];
  readonly compact: readonly string[];
}

/** What the marks that a decision rests on have seen. */
export interface Seen {
  /** Highest commit number. */
  readonly cseq: number;
  readonly sessions: ReadonlySet<string>;
}

const PAGE = 5000;

/** Packs not gone, in pages by id. */
export async function* collectablePacks(db: Queries, vaultId: string): AsyncGenerator<readonly CollectablePack[]> {
  for (let after = ''; ; ) {
    const rows = await db
      .selectFrom('packs')
      .selectAll()
      .where('vault_id', '=', vaultId)
      .where('pack_id', '>', after)
      .where('state', '!=', 'gone')
      .orderBy('pack_id')
      .limit(PAGE)
      .execute();
    if (rows.length > 0) yield rows.map(fromRow);
    if (rows.length < PAGE) return;
    after = rows.at(-1)!.pack_id;
  }
}

/** Ids of sessions under way and of sessions whose point is in the vault; the oldest start epoch of the open ones. */
export const sessionFacts = async (
  db: Queries,
  vaultId: string,
): Promise<{
  readonly underWay: ReadonlySet<string>;
  readonly withPoint: ReadonlySet<string>;
  readonly oldestEpoch: number;
}> => {
  const sessions = await db
    .selectFrom('sessions')
    .select(['id', 'state', 'start_epoch'])
    .where('vault_id', '=', vaultId)
    .where('state', 'in', ['open', 'committing'])
    .execute();
  const commits = await db
    .selectFrom('commits')
    .select('session_id')
    .where('vault_id', '=', vaultId)
    .where('state', '!=', 'deleted')
    .execute();
  const open = sessions.filter(({ state }) => state === 'open');
  return {
    underWay: new Set(sessions.map(({ id }) => id)),
    withPoint: new Set(commits.map(({ session_id: id }) => id)),
    oldestEpoch: Math.min(Number.POSITIVE_INFINITY, ...open.map(({ start_epoch: epoch }) => epoch)),
  };
};

/**
 * The decision of a collection, in one transaction. Undefined: a commit or a session came since the marking; mark it
 * and decide again. `deletes`: objects will be deleted, so gcSeq counts one up.
 * Errors: JobLeaseLost, StoreReconcileRequired.
 */
export const decideCollection = (
  db: Queries,
  collector: Collector,
  decision: { readonly seen: Seen; readonly moves: CollectionMoves; readonly deletes: boolean; readonly now: number },
): Promise<{ readonly gcSeq: number } | undefined> =>
  inTransaction(db, async (tx) => {
    const { vaultId } = collector;
    await holdJob(tx, collector.jobId, collector.epoch);
    // commits and sessions of the vault wait for this, as they do for each other
    await tx.updateTable('vaults').set({ id: vaultId }).where('id', '=', vaultId).execute();
    const state = await getStoreState(tx, vaultId);
    if (state.reconcile) throw reconcileRequired(state.reconcile.why);
    if (await hasCome(tx, vaultId, decision.seen)) return undefined;
    const { moves, deletes, now } = decision;
    const gcEpoch = state.gcEpoch + 1;
    const condemned = { state: 'condemned', condemned_at: now, condemned_epoch: gcEpoch };
    await move(tx, vaultId, moves.rescue, ['condemned'], RESCUED);
    await move(tx, vaultId, moves.condemnToDrop, ['live'], { ...condemned, condemned_for: 'drop' });
    await move(tx, vaultId, moves.condemnToCompact, ['live'], { ...condemned, condemned_for: 'compact' });
    await move(tx, vaultId, moves.drop, ['condemned', 'compacting'], { state: 'deleting' });
    await move(tx, vaultId, moves.compact, ['condemned'], { state: 'compacting' });
    const condemns = moves.condemnToDrop.length + moves.condemnToCompact.length > 0;
    const gcSeq = state.gcSeq + (deletes ? 1 : 0);
    await changeStoreState(tx, vaultId, {
      ...(condemns && { gcEpoch }),
      ...(deletes && { gcSeq, collection: { token: crypto.randomUUID() } }),
    });
    return { gcSeq };
  });

/** Objects of these packs are deleted on every copy. Errors: JobLeaseLost. */
export const markGone = (db: Queries, collector: Collector, packIds: readonly string[]): Promise<void> =>
  inTransaction(db, async (tx) => {
    await holdJob(tx, collector.jobId, collector.epoch);
    await move(tx, collector.vaultId, packIds, ['deleting'], { state: 'gone' });
  });

/** The pack's next generation is in the store; the old objects go later. Errors: JobLeaseLost. */
export const finishCompaction = (
  db: Queries,
  collector: Collector,
  pack: { readonly packId: string; readonly name: string; readonly sizeBytes: number; readonly records: number },
  trash: { readonly names: readonly string[]; readonly notBefore: number },
): Promise<void> =>
  inTransaction(db, async (tx) => {
    const { vaultId, jobId, epoch } = collector;
    await holdJob(tx, jobId, epoch);
    const { name, sizeBytes, records } = pack;
    await move(tx, vaultId, [pack.packId], ['compacting'], {
      ...RESCUED,
      name,
      size_bytes: sizeBytes,
      records,
      locked_until: null,
    });
    for (const old of trash.names)
      await tx
        .insertInto('trash')
        .values({ vault_id: vaultId, name: old, not_before: trash.notBefore })
        .onConflict((conflict) => conflict.columns(['vault_id', 'name']).doNothing())
        .execute();
  });

/** A pack that could not be compacted stays as it was. Errors: JobLeaseLost. */
export const giveUpCompaction = (db: Queries, collector: Collector, packId: string): Promise<void> =>
  inTransaction(db, async (tx) => {
    await holdJob(tx, collector.jobId, collector.epoch);
    await move(tx, collector.vaultId, [packId], ['compacting'], RESCUED);
  });

export const setLockedUntil = async (db: Queries, vaultId: string, packId: string, until: number): Promise<void> => {
  await move(db, vaultId, [packId], ['live', 'condemned', 'compacting', 'deleting'], { locked_until: until });
};

/**
 * Rows of gone packs that nobody can name any more: whoever still writes began after they were condemned. Until then
 * the row keeps a late word of the pack from making it live again.
 */
export const forgetGone = async (db: Queries, vaultId: string, oldestEpoch: number): Promise<void> => {
  const sound = Number.isFinite(oldestEpoch) ? oldestEpoch : Number.MAX_SAFE_INTEGER;
  await db
    .deleteFrom('packs')
    .where('vault_id', '=', vaultId)
    .where('state', '=', 'gone')
    .where((e) => e.or([e('condemned_epoch', '<=', sound), e('condemned_epoch', 'is', null)]))
    .execute();
};

const RESCUED = { state: 'live', condemned_for: null, condemned_at: null, condemned_epoch: null } as const;

const hasCome = async (tx: Queries, vaultId: string, seen: Seen): Promise<boolean> => {
  const commit = await tx
    .selectFrom('commits')
    .select('cseq')
    .where('vault_id', '=', vaultId)
    .where('cseq', '>', seen.cseq)
    .limit(1)
    .executeTakeFirst();
  if (commit) return true;
  const open = await tx
    .selectFrom('sessions')
    .select('id')
    .where('vault_id', '=', vaultId)
    .where('state', '=', 'open')
    .execute();
  return open.some(({ id }) => !seen.sessions.has(id));
};

const move = async (
  tx: Queries,
  vaultId: string,
  packIds: readonly string[],
  from: readonly PackState[],
  set: Partial<Schema['packs']>,
): Promise<void> => {
  for (const some of chunksOf(packIds, 500))
    await tx
      .updateTable('packs')
      .set(set)
      .where('vault_id', '=', vaultId)
      .where('state', 'in', [...from])
      .where('pack_id', 'in', some)
      .execute();
};

const reconcileRequired = (why: readonly string[]): CodedError =>
  new CodedError('StoreReconcileRequired', `Nothing is collected before database and store agree: ${why.join('; ')}`, {
    recommendations: ['Reconcile the vault.'],
  });

const fromRow = (row: Schema['packs']): CollectablePack => ({
  ...packFromRow(row),
  records: row.records ?? row.slots,
  ...(row.condemned_for !== null && { condemnedFor: row.condemned_for as 'drop' | 'compact' }),
  ...(row.condemned_at !== null && { condemnedAt: row.condemned_at }),
  ...(row.condemned_epoch !== null && { condemnedEpoch: row.condemned_epoch }),
  ...(row.locked_until !== null && { lockedUntil: row.locked_until }),
  ...(row.damaged_at !== null && { damagedAt: row.damaged_at }),
});
