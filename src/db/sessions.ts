import type { Queries } from './schema.ts';

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
}

/** Begins a session and aborts the job's earlier open ones: their worker is shut out. */
export const beginSession = async (
  db: Queries,
  session: Pick<Session, 'vaultId' | 'jobId' | 'epoch'> & { readonly now: number },
): Promise<Session> => {
  const { vaultId, jobId, epoch, now } = session;
  await db
    .updateTable('sessions')
    .set({ state: 'aborted', ended_at: now })
    .where('job_id', '=', jobId)
    .where('state', '=', 'open')
    .execute();
  const row = {
    id: crypto.randomUUID(),
    vault_id: vaultId,
    job_id: jobId,
    epoch,
    state: 'open',
    started_at: now,
    ended_at: null,
  };
  await db.insertInto('sessions').values(row).execute();
  return fromRow(row);
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

const fromRow = (row: {
  id: string;
  vault_id: string;
  job_id: string;
  epoch: number;
  state: string;
  started_at: number;
  ended_at: number | null;
}): Session => ({
  id: row.id,
  vaultId: row.vault_id,
  jobId: row.job_id,
  epoch: row.epoch,
  state: row.state as SessionState,
  startedAt: row.started_at,
  ...(row.ended_at !== null && { endedAt: row.ended_at }),
});
