import { CodedError } from '../lib/error.ts';
import {
  type EndedJobStatus,
  type Job,
  type JobError,
  type JobOperation,
  type SubTask,
  TRANSFER_DATA,
} from '../vault/job.ts';
import type { JsonValue } from '../vault/json.ts';
import { inTransaction } from './database.ts';
import { fromRow, holdJob, type NewJob, newRow, writeJob } from './jobRow.ts';
import type { Queries } from './schema.ts';
import { abortSessionsOf } from './sessions.ts';

export type { NewJob };

export interface JobPatch {
  readonly subTasks?: readonly SubTask[];
  /** Merged into what is there. */
  readonly propertyBag?: Readonly<Record<string, string>>;
  readonly errors?: readonly JobError[];
}

export type TransferStart = { readonly started: true } | { readonly started: false; readonly holderJobId: string };

/** Puts a job in the queue. */
export const enqueueJob = async (db: Queries, job: NewJob): Promise<Job> => {
  const row = newRow(job);
  await db.insertInto('jobs').values(row).execute();
  return fromRow(row);
};

/** Errors: UserErrorBackupOperationInProgress while another backup of the item has not ended its snapshot. */
export const tryEnqueueBackup = (db: Queries, job: NewJob & { readonly itemId: string }): Promise<Job> =>
  inTransaction(db, async (tx) => {
    const holderJobId = await phaseHolder(tx, job.itemId, 'snapshot');
    if (holderJobId !== undefined) throw backupInProgress(holderJobId);
    return enqueueJob(tx, job);
  });

/** Records a job that was done at once. */
export const recordEndedJob = async (
  db: Queries,
  job: NewJob,
  end: { readonly status: EndedJobStatus; readonly endTime: number; readonly errors?: readonly JobError[] },
): Promise<Job> => {
  const { errors = [] } = end;
  const row = { ...newRow(job, errors), status: end.status, end_time: end.endTime, held_phase: null };
  await db.insertInto('jobs').values(row).execute();
  return fromRow(row);
};

/**
 * Takes the oldest job that is queued or whose lease is over, for `leaseMs` from `now`; its epoch grows by
 * one, which shuts out whoever held it before.
 */
export const claimJob = async (
  db: Queries,
  owner: string,
  now: number,
  leaseMs: number,
  operations?: readonly JobOperation[],
): Promise<Job | undefined> => {
  for (;;) {
    let free = db
      .selectFrom('jobs')
      .select('id')
      .where('end_time', 'is', null)
      .where('not_before', '<=', now)
      .where((e) => e.or([e('lease_until', 'is', null), e('lease_until', '<', now)]));
    if (operations !== undefined) free = free.where('operation', 'in', [...operations]);
    const candidate = await free.orderBy('start_time').orderBy('id').limit(1).executeTakeFirst();
    if (candidate === undefined) return undefined;
    const claimed = await db
      .updateTable('jobs')
      .set((e) => ({ epoch: e('epoch', '+', 1), lease_owner: owner, lease_until: now + leaseMs }))
      .where('id', '=', candidate.id)
      .where('end_time', 'is', null)
      .where((e) => e.or([e('lease_until', 'is', null), e('lease_until', '<', now)]))
      .returningAll()
      .executeTakeFirst();
    if (claimed !== undefined) return fromRow(claimed);
  }
};

/** False when the lease is lost: the worker must stop. */
export const heartbeat = async (db: Queries, jobId: string, epoch: number, leaseUntil: number): Promise<boolean> => {
  const result = await db
    .updateTable('jobs')
    .set({ lease_until: leaseUntil })
    .where('id', '=', jobId)
    .where('epoch', '=', epoch)
    .where('end_time', 'is', null)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
};

/** Ends all leases: for a process that knows itself to be the only one, and so whoever held them to be dead. */
export const endAllLeases = async (db: Queries): Promise<void> => {
  await db.updateTable('jobs').set({ lease_owner: null, lease_until: null }).where('end_time', 'is', null).execute();
};

/** Gives the job back to the queue, to be claimed from `notBefore` on. Errors: JobLeaseLost. */
export const releaseJob = async (db: Queries, jobId: string, epoch: number, notBefore: number): Promise<void> =>
  inTransaction(db, async (tx) => {
    await holdJob(tx, jobId, epoch);
    await tx
      .updateTable('jobs')
      .set({ lease_owner: null, lease_until: null, not_before: notBefore })
      .where('id', '=', jobId)
      .execute();
  });

/** Changes what the job shows; a function sees the job as it is now. Errors: JobLeaseLost when the epoch is stale. */
export const updateJob = (
  db: Queries,
  jobId: string,
  epoch: number,
  patch: JobPatch | ((job: Job) => JobPatch),
): Promise<Job> =>
  inTransaction(db, async (tx) => {
    const job = await holdJob(tx, jobId, epoch);
    return writeJob(tx, patched(job, typeof patch === 'function' ? patch(job) : patch));
  });

/** Ends the job, its lease and what sessions it left open. Errors: JobLeaseLost. */
export const finishJob = (
  db: Queries,
  jobId: string,
  epoch: number,
  end: {
    readonly status: EndedJobStatus;
    readonly now: number;
    readonly errors?: readonly JobError[];
    readonly patch?: JobPatch | ((job: Job) => JobPatch);
  },
): Promise<Job> =>
  inTransaction(db, async (tx) => {
    const job = await holdJob(tx, jobId, epoch);
    const patch = typeof end.patch === 'function' ? end.patch(job) : (end.patch ?? {});
    const ended = patched(job, end.errors === undefined ? patch : { ...patch, errors: end.errors });
    const { leaseOwner: _owner, leaseUntil: _until, ...rest } = ended;
    await abortSessionsOf(tx, jobId, end.now);
    return writeJob(tx, { ...rest, status: end.status, endTime: end.now });
  });

/**
 * Begins the transfer sub task, unless another job of the item has its transfer under way: one transfer of
 * an item at a time, decided in one transaction. Errors: JobLeaseLost.
 */
export const tryStartTransfer = (
  db: Queries,
  itemId: string,
  jobId: string,
  epoch: number,
  now: number,
): Promise<TransferStart> =>
  inTransaction(db, async (tx) => {
    const job = await holdJob(tx, jobId, epoch);
    const holderJobId = await phaseHolder(tx, itemId, 'transfer');
    if (holderJobId !== undefined && holderJobId !== jobId) return { started: false, holderJobId };
    const subTasks = job.subTasks.map((task) =>
      task.name === TRANSFER_DATA ? { ...task, status: 'InProgress' as const, startTime: task.startTime ?? now } : task,
    );
    await writeJob(tx, { ...job, subTasks });
    return { started: true };
  });

/** Asks the job's worker to stop, also while the job rests between two attempts; the job as it is then, undefined when there is none. No change once ended. */
export const requestCancel = async (db: Queries, jobId: string): Promise<Job | undefined> => {
  await db
    .updateTable('jobs')
    .set({ cancel_requested: 1, status: 'Cancelling', not_before: 0 })
    .where('id', '=', jobId)
    .where('end_time', 'is', null)
    .execute();
  return getJob(db, jobId);
};

export const getJob = async (db: Queries, jobId: string): Promise<Job | undefined> => {
  const row = await db.selectFrom('jobs').selectAll().where('id', '=', jobId).executeTakeFirst();
  return row && fromRow(row);
};

/**
 * Writes down what a step of the job gave, once: a second write changes nothing. The value that stands.
 * Errors: JobLeaseLost.
 */
export const journalStep = <T extends JsonValue>(
  db: Queries,
  jobId: string,
  epoch: number,
  step: string,
  value: T,
): Promise<T> =>
  inTransaction(db, async (tx) => {
    await holdJob(tx, jobId, epoch);
    await tx
      .insertInto('job_journal')
      .values({ job_id: jobId, step, value: JSON.stringify(value) })
      .onConflict((conflict) => conflict.columns(['job_id', 'step']).doNothing())
      .execute();
    const row = await tx
      .selectFrom('job_journal')
      .select('value')
      .where('job_id', '=', jobId)
      .where('step', '=', step)
      .executeTakeFirstOrThrow();
    return JSON.parse(row.value) as T;
  });

/** Steps already done, by name. */
export const readJournal = async (db: Queries, jobId: string): Promise<ReadonlyMap<string, JsonValue>> => {
  const rows = await db.selectFrom('job_journal').select(['step', 'value']).where('job_id', '=', jobId).execute();
  return new Map(rows.map((row) => [row.step, JSON.parse(row.value) as JsonValue]));
};

const patched = (job: Job, patch: JobPatch): Job => ({
  ...job,
  ...(patch.subTasks !== undefined && { subTasks: patch.subTasks }),
  ...(patch.errors !== undefined && { errors: patch.errors }),
  propertyBag: { ...job.propertyBag, ...patch.propertyBag },
});

const phaseHolder = async (tx: Queries, itemId: string, phase: 'snapshot' | 'transfer'): Promise<string | undefined> =>
  (
    await tx
      .selectFrom('jobs')
      .select('id')
      .where('item_id', '=', itemId)
      .where('held_phase', '=', phase)
      .executeTakeFirst()
  )?.id;

const backupInProgress = (holderJobId: string): CodedError =>
  new CodedError(
    'UserErrorBackupOperationInProgress',
    'Unable to initiate backup as another backup operation is currently in progress',
    { target: holderJobId, recommendations: [`Wait until job ${holderJobId} has taken its snapshot, then try again.`] },
  );
