import type { SubTask } from '../vault/job.ts';
import { inTransaction } from './database.ts';
import { holdJob, writeJob } from './jobRow.ts';
import type { Queries } from './schema.ts';

/** Gives a job that failed back to the queue for its next attempt. Errors: JobLeaseLost. */
export const retryJob = (
  db: Queries,
  jobId: string,
  epoch: number,
  next: { readonly notBefore: number; readonly subTasks: readonly SubTask[] },
): Promise<void> =>
  inTransaction(db, async (tx) => {
    const { leaseOwner: _owner, leaseUntil: _until, ...job } = await holdJob(tx, jobId, epoch);
    await writeJob(tx, { ...job, attempt: job.attempt + 1, subTasks: next.subTasks });
    await tx.updateTable('jobs').set({ not_before: next.notBefore }).where('id', '=', jobId).execute();
  });
