import type { JobError } from '../vault/job.ts';
import { listUnendedJobs } from './jobList.ts';
import { finishJob } from './jobs.ts';
import type { Queries } from './schema.ts';

/**
 * Fails every job of the vault that has not ended, but for a reconciliation: of a database that was put back, nobody
 * knows what they have done since. Call it in a transaction, while none of them runs here. How many there were.
 */
export const endJobsOfVault = async (tx: Queries, vaultId: string, error: JobError, now: number): Promise<number> => {
  const jobs = (await listUnendedJobs(tx)).filter((job) => job.vaultId === vaultId && job.operation !== 'Reconcile');
  for (const job of jobs) {
    await finishJob(tx, job.id, job.epoch, {
      status: 'Failed',
      now,
      errors: [error],
      patch: ({ subTasks }) => ({
        subTasks: subTasks.map((task) =>
          task.status === 'InProgress' ? { ...task, status: 'Failed' as const, endTime: now } : task,
        ),
      }),
    });
  }
  return jobs.length;
};
