import { createHash } from 'node:crypto';
import { CodedError } from '../lib/error.ts';
import { inTransaction } from './database.ts';
import { chunksOf } from './packs.ts';
import type { Queries, Schema } from './schema.ts';

/** `committing`: decided, on its way into the store; `published`: in the store; `deleted`: let go. */
export type CommitState = 'committing' | 'published' | 'deleted';

export interface Commit {
  readonly vaultId: string;
  /** From 1, without gaps, in the order of decision. */
  readonly cseq: number;
  readonly sessionId: string;
  readonly itemId: string;
  readonly pointId: string;
  /** Object name in the store. */
  readonly name: string;
  /** SHA-256 of the commit object, hex. */
  readonly sha256: string;
  readonly state: CommitState;
  readonly createdAt: number;
}

/** A commit whose object has to be put (again): putting it twice does no harm. */
export interface PendingCommit extends Commit {
  readonly bytes: Uint8Array;
}

export interface CommitRequest {
  readonly sessionId: string;
  readonly jobId: string;
  /** The job's present epoch. */
  readonly epoch: number;
  readonly itemId: string;
  readonly pointId: string;
  readonly now: number;
  /**
   * Object names, as the session saw them, of packs that the point refers to and another session wrote; what it keeps
   * of its parent is held by the session's base. A pack that has another name by now was compacted meanwhile.
   */
  readonly referencedPacks?: readonly string[];
  /** Makes the commit object for its place in the vault's chain; `previous` is the SHA-256 of the one before. */
  seal(place: { readonly cseq: number; readonly previous: string | null }): {
    readonly name: string;
    readonly bytes: Uint8Array;
  };
}

/**
 * The commit decision, in one transaction: after it the point will be, before it nothing is. Asking again for a
 * session already decided gives the same commit.
 * Errors: JobLeaseLost (stale epoch, session aborted), PackNotReferable (packs are being deleted, or were compacted:
 * write their bytes anew; `details` name the packs).
 */
export const commitPoint = (db: Queries, request: CommitRequest): Promise<PendingCommit> =>
  inTransaction(db, async (tx) => {
    const session = await tx.selectFrom('sessions').selectAll().where('id', '=', request.sessionId).executeTakeFirst();
    await assertJobCurrent(tx, request);
    if (session === undefined || session.job_id !== request.jobId) throw leaseLost(request);
    if (session.state === 'committing' || session.state === 'committed') return existing(tx, session.id);
    if (session.state !== 'open') throw leaseLost(request);
    const vaultId = session.vault_id;
    await lockVault(tx, vaultId);
    await rescuePacks(tx, session, request.referencedPacks ?? []);
    const last = await lastCommit(tx, vaultId);
    const cseq = (last?.cseq ?? 0) + 1;
    const { name, bytes } = request.seal({ cseq, previous: last?.sha256 ?? null });
    const row = {
      vault_id: vaultId,
      cseq,
      session_id: session.id,
      item_id: request.itemId,
      point_id: request.pointId,
      name,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      bytes: new Uint8Array(bytes),
      state: 'committing',
      created_at: request.now,
    };
    await tx.insertInto('commits').values(row).execute();
    await tx.updateTable('sessions').set({ state: 'committing' }).where('id', '=', session.id).execute();
    return { ...fromRow(row), bytes: row.bytes };
  });

/** The commit object is in the store: closes its session and empties the outbox. Safe to repeat. */
export const publishCommit = (db: Queries, vaultId: string, cseq: number, now: number): Promise<Commit> =>
  inTransaction(db, async (tx) => {
    const row = await tx
      .updateTable('commits')
      .set({ state: 'published', bytes: null })
      .where('vault_id', '=', vaultId)
      .where('cseq', '=', cseq)
      .where('state', 'in', ['committing', 'published'])
      .returningAll()
      .executeTakeFirstOrThrow();
    await tx
      .updateTable('sessions')
      .set({ state: 'committed', ended_at: now })
      .where('id', '=', row.session_id)
      .where('state', '=', 'committing')
      .execute();
    return fromRow(row);
  });

/** The outbox: what a crash may have left decided but not in the store, in order. */
export const pendingCommits = async (db: Queries, vaultId?: string): Promise<readonly PendingCommit[]> => {
  let query = db.selectFrom('commits').selectAll().where('state', '=', 'committing');
  if (vaultId !== undefined) query = query.where('vault_id', '=', vaultId);
  const rows = await query.orderBy('vault_id').orderBy('cseq').execute();
  return rows.map(pending);
};

/** By cseq; those not deleted. */
export const listCommits = async (db: Queries, vaultId: string): Promise<readonly Commit[]> => {
  const rows = await db
    .selectFrom('commits')
    .selectAll()
    .where('vault_id', '=', vaultId)
    .where('state', '!=', 'deleted')
    .orderBy('cseq')
    .execute();
  return rows.map(fromRow);
};

/** The number stays taken: the chain has no gaps. */
export const markCommitDeleted = async (db: Queries, vaultId: string, cseq: number): Promise<void> => {
  await db
    .updateTable('commits')
    .set({ state: 'deleted', bytes: null })
    .where('vault_id', '=', vaultId)
    .where('cseq', '=', cseq)
    .execute();
};

/** 0 when the vault has no commit. */
export const lastCseq = async (db: Queries, vaultId: string): Promise<number> =>
  (await lastCommit(db, vaultId))?.cseq ?? 0;

const assertJobCurrent = async (tx: Queries, request: CommitRequest): Promise<void> => {
  const result = await tx
    .updateTable('jobs')
    .set({ epoch: request.epoch })
    .where('id', '=', request.jobId)
    .where('epoch', '=', request.epoch)
    .where('end_time', 'is', null)
    .executeTakeFirst();
  if (result.numUpdatedRows === 0n) throw leaseLost(request);
};

const leaseLost = (request: CommitRequest): CodedError =>
  new CodedError(
    'JobLeaseLost',
    `Session ${request.sessionId} of job ${request.jobId} (epoch ${request.epoch}) may no longer commit: it was ended or taken over.`,
  );

/** One commit decision of a vault at a time; an update that changes nothing locks on both databases. */
const lockVault = async (tx: Queries, vaultId: string): Promise<void> => {
  await tx.updateTable('vaults').set({ id: vaultId }).where('id', '=', vaultId).execute();
};

/** R2: a new point refers to nothing that is about to go; what is only condemned is live again. */
const rescuePacks = async (
  tx: Queries,
  session: Pick<Schema['sessions'], 'id' | 'vault_id'>,
  names: readonly string[],
): Promise<void> => {
  const rescue = () =>
    tx
      .updateTable('packs')
      .set({ state: 'live', condemned_for: null, condemned_at: null, condemned_epoch: null })
      .where('vault_id', '=', session.vault_id)
      .where('state', '=', 'condemned');
  await rescue().where('session_id', '=', session.id).execute();
  const own = await tx
    .selectFrom('packs')
    .select('pack_id')
    .where('vault_id', '=', session.vault_id)
    .where('session_id', '=', session.id)
    .where('state', '!=', 'live')
    .limit(1)
    .execute();
  const lost = own.map((row) => row.pack_id);
  for (const some of chunksOf(names, 500)) {
    const ids = some.map(packIdOf);
    await rescue().where('pack_id', 'in', ids).execute();
    const live = await tx
      .selectFrom('packs')
      .select('name')
      .where('vault_id', '=', session.vault_id)
      .where('state', '=', 'live')
      .where('pack_id', 'in', ids)
      .execute();
    const known = new Set(live.map((row) => row.name));
    lost.push(...some.filter((name) => !known.has(name)).map(packIdOf));
  }
  if (lost.length === 0) return;
  throw new CodedError(
    'PackNotReferable',
    `${lost.length} packs are being deleted, were compacted or are unknown, so no new point may refer to them; one is ${lost[0]}.`,
    {
      target: lost[0]!,
      details: lost.slice(0, 1000).map((packId) => ({ code: 'PackNotReferable', message: packId, target: packId })),
      recommendations: ['Run the backup again: it stores the bytes anew.'],
    },
  );
};

/** 'p/4f/4f….0.…' → '4f…'. */
const packIdOf = (name: string): string => name.split('/').at(-1)!.split('.')[0]!;

const existing = async (tx: Queries, sessionId: string): Promise<PendingCommit> => {
  const row = await tx.selectFrom('commits').selectAll().where('session_id', '=', sessionId).executeTakeFirstOrThrow();
  return pending(row);
};

const lastCommit = (db: Queries, vaultId: string) =>
  db
    .selectFrom('commits')
    .select(['cseq', 'sha256'])
    .where('vault_id', '=', vaultId)
    .orderBy('cseq', 'desc')
    .limit(1)
    .executeTakeFirst();

const pending = (row: Schema['commits']): PendingCommit => ({ ...fromRow(row), bytes: row.bytes ?? new Uint8Array() });

const fromRow = (row: Schema['commits']): Commit => ({
  vaultId: row.vault_id,
  cseq: row.cseq,
  sessionId: row.session_id,
  itemId: row.item_id,
  pointId: row.point_id,
  name: row.name,
  sha256: row.sha256,
  state: row.state as CommitState,
  createdAt: row.created_at,
});
