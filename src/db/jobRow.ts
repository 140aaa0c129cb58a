import { CodedError } from '../lib/error.ts';
import {
  heldPhase,
  isHousekeeping,
  type Job,
  type JobError,
  type JobOperation,
  type JobStatus,
  type SubTask,
} from '../vault/job.ts';
import type { JsonObject } from '../vault/json.ts';
import type { Queries, Schema } from './schema.ts';

export interface NewJob {
  /** UUID; made when absent. */
  readonly id?: string;
  readonly vaultId: string;
  readonly itemId?: string;
  readonly operation: JobOperation;
  readonly entityFriendlyName: string;
  readonly containerName?: string;
  readonly isUserTriggered: boolean;
  readonly startedBy: string;
  readonly startTime: number;
  readonly subTasks?: readonly SubTask[];
  readonly propertyBag?: Readonly<Record<string, string>>;
  readonly parameters?: JsonObject;
  /** Not claimed earlier than this, ms. */
  readonly notBefore?: number;
}

export type JobRow = Schema['jobs'];
type JobBody = Omit<Job, 'id' | 'status' | 'endTime' | 'cancelRequested' | 'epoch' | 'leaseOwner' | 'leaseUntil'>;

/** The job, its row held until the transaction ends. Errors: JobLeaseLost. */
export const holdJob = async (tx: Queries, jobId: string, epoch: number): Promise<Job> => {
  // An update that changes nothing locks the row on both databases; SQLite has no "for update".
  const row = await tx
    .updateTable('jobs')
    .set({ epoch })
    .where('id', '=', jobId)
    .where('epoch', '=', epoch)
    .where('end_time', 'is', null)
    .returningAll()
    .executeTakeFirst();
  if (row === undefined) {
    throw new CodedError(
      'JobLeaseLost',
      `Job ${jobId} is no longer held under epoch ${epoch}: it ended or another worker took it over.`,
    );
  }
  return fromRow(row);
};

/** What the caller changed, under the epoch it holds. */
export const writeJob = async (tx: Queries, job: Job): Promise<Job> => {
  const { id, ...row } = toRow(job);
  await tx.updateTable('jobs').set(row).where('id', '=', id).execute();
  return job;
};

/** The row of a job just asked for. */
export const newRow = (job: NewJob, errors: readonly JobError[] = []): JobRow => {
  const { id = crypto.randomUUID(), notBefore = 0, ...rest } = job;
  const whole: Job = {
    ...rest,
    id,
    status: 'InProgress',
    subTasks: job.subTasks ?? [],
    propertyBag: job.propertyBag ?? {},
    parameters: job.parameters ?? {},
    errors,
    cancelRequested: false,
    attempt: 1,
    epoch: 0,
  };
  return { ...toRow(whole), not_before: notBefore } as JobRow;
};

/** All columns but `not_before`, which only the queue sets. */
const toRow = (job: Job): Omit<JobRow, 'not_before'> => {
  const { id, status, endTime, cancelRequested, epoch, leaseOwner, leaseUntil, ...body } = job;
  return {
    id,
    vault_id: job.vaultId,
    item_id: job.itemId ?? null,
    entity_key: job.entityFriendlyName.toLowerCase(),
    operation: job.operation,
    is_listed: isHousekeeping(job.operation) ? 0 : 1,
    status,
    start_time: job.startTime,
    end_time: endTime ?? null,
    held_phase: heldPhase(job) ?? null,
    cancel_requested: cancelRequested ? 1 : 0,
    epoch,
    lease_owner: leaseOwner ?? null,
    lease_until: leaseUntil ?? null,
    body: JSON.stringify(body satisfies JobBody),
  };
};

/** What of a row makes the job. */
export const JOB_COLUMNS = [
  'id',
  'status',
  'end_time',
  'cancel_requested',
  'epoch',
  'lease_owner',
  'lease_until',
  'body',
] as const satisfies readonly (keyof JobRow)[];

/** The job a row holds. */
export const fromRow = (row: Pick<JobRow, (typeof JOB_COLUMNS)[number]>): Job => ({
  // a job of an earlier version was not counted
  attempt: 1,
  ...(JSON.parse(row.body) as Omit<JobBody, 'attempt'> & Partial<Pick<JobBody, 'attempt'>>),
  id: row.id,
  status: row.status as JobStatus,
  ...(row.end_time !== null && { endTime: row.end_time }),
  cancelRequested: row.cancel_requested === 1,
  epoch: row.epoch,
  ...(row.lease_owner !== null && { leaseOwner: row.lease_owner }),
  ...(row.lease_until !== null && { leaseUntil: row.lease_until }),
});
