import type { JsonValue } from '../vault/json.ts';
import type { Queries, Schema } from './schema.ts';
import { getStoreState } from './storeStates.ts';

/** `open` → `committing` (its point is decided) → `committed`; or `open` → `aborted`. */
export type SessionState = 'open' | 'committing' | 'committed' | 'aborted';

/** One attempt of a job to write a point into the vault's store. */
export interface Session {
  /** UUID. */
  readonly id: string;
  readonly vaultId: string;
  readonly jobId: string;
  /** Epoch of the job under which it was begun. */
  readonly epoch: number;
  readonly state: SessionState;
  readonly startedAt: number;
  readonly endedAt?: number;
  /** The vault's collection epoch when it began: packs condemned earlier are not offered to it. */
  readonly startEpoch: number;
  /** Roots of the disks of the point it builds on; a collection marks them while the session is open. */
  readonly baseRoots: readonly JsonValue[];
}

/** Begins a session and aborts the job's earlier open ones: their worker is shut out. Call it in a transaction. */
export const beginSession = async (
  db: Queries,
  session: Pick<Session, 'vaultId' | 'jobId' | 'epoch'> & {
    readonly now: number;
    readonly baseRoots?: readonly JsonValue[];
  },
): Promise<Session> => {
  const { vaultId, jobId, epoch, now, baseRoots = [] } = session;
  await abortSessionsOf(db, jobId, now);
  const row = {
    id: crypto.randomUUID(),
    vault_id: vaultId,
    job_id: jobId,
    epoch,
    state: 'open',
    started_at: now,
    ended_at: null,
    start_epoch: (await getStoreState(db, vaultId)).gcEpoch,
    base_roots: baseRoots.length === 0 ? null : JSON.stringify(baseRoots),
  };
  await db.insertInto('sessions').values(row).execute();
  return fromRow(row);
};

/** Aborts the open sessions of a job: of one that ended none may stay open, for collections wait for open sessions. */
export const abortSessionsOf = async (db: Queries, jobId: string, now: number): Promise<void> => {
  await db
    .updateTable('sessions')
    .set({ state: 'aborted', ended_at: now })
    .where('job_id', '=', jobId)
    .where('state', '=', 'open')
    .execute();
};

export const getSession = async (db: Queries, sessionId: string): Promise<Session | undefined> => {
  const row = await db.selectFrom('sessions').selectAll().where('id', '=', sessionId).executeTakeFirst();
  return row && fromRow(row);
};

/** Oldest first. */
export const listSessions = async (
  db: Queries,
  filter: { readonly vaultId?: string; readonly jobId?: string; readonly state?: SessionState },
): Promise<readonly Session[]> => {
  let query = db.selectFrom('sessions').selectAll();
  if (filter.vaultId !== undefined) query = query.where('vault_id', '=', filter.vaultId);
  if (filter.jobId !== undefined) query = query.where('job_id', '=', filter.jobId);
  if (filter.state !== undefined) query = query.where('state', '=', filter.state);
  return (await query.orderBy('started_at').orderBy('epoch').execute()).map(fromRow);
};

/** False when it is no longer open: a decided point cannot be taken back. */
export const abortSession = async (db: Queries, sessionId: string, now: number): Promise<boolean> => {
  const result = await db
    .updateTable('sessions')
    .set({ state: 'aborted', ended_at: now })
    .where('id', '=', sessionId)
    .where('state', '=', 'open')
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
};

const fromRow = (row: Schema['sessions']): Session => ({
  id: row.id,
  vaultId: row.vault_id,
  jobId: row.job_id,
  epoch: row.epoch,
  state: row.state as SessionState,
  startedAt: row.started_at,
  startEpoch: row.start_epoch,
  baseRoots: row.base_roots === null ? [] : (JSON.parse(row.base_roots) as readonly JsonValue[]),
  ...(row.ended_at !== null && { endedAt: row.ended_at }),
});
