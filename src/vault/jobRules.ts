import { CodedError } from '../lib/error.ts';
import { isJobEnded, type Job } from './job.ts';

/** The sub task of a restore that reads the vault; what comes after it cannot be cancelled. */
const RESTORE_TRANSFER = 'Transfer data from vault';

/**
 * A backup in either phase, and a restore until its data is transferred, can be cancelled while they run.
 * Errors: UserErrorJobNotCancellable.
 */
export const assertCancellable = (job: Job): void => {
  const reason = whyNotCancelled(job);
  if (reason === undefined) return;
  throw new CodedError('UserErrorJobNotCancellable', reason, {
    target: job.id,
    recommendations: ['Legal are backups in progress, and restores until their data is transferred.'],
  });
};

/** Of one that is being cancelled already, there is nothing more to cancel. */
export const isCancellable = (job: Job): boolean => job.status === 'InProgress' && whyNotCancelled(job) === undefined;

/** A backup that failed or was cancelled can be asked for again. Errors: UserErrorJobNotRetriable. */
export const assertRetriable = (job: Job): void => {
  const reason = whyNotRetried(job);
  if (reason === undefined) return;
  throw new CodedError('UserErrorJobNotRetriable', reason, {
    target: job.id,
    recommendations: ['Legal are backups that failed or were cancelled; ask for a restore anew, with its target.'],
  });
};

export const isRetriable = (job: Job): boolean => whyNotRetried(job) === undefined;

const whyNotCancelled = (job: Job): string | undefined => {
  if (job.operation !== 'Backup' && job.operation !== 'Restore')
    return "Cancellation isn't supported for this job type";
  if (isJobEnded(job.status)) return "Backup can't cancel the job because it isn't in progress";
  const transferred = job.subTasks.some(({ name, status }) => name === RESTORE_TRANSFER && status === 'Completed');
  return transferred ? "The job isn't in a cancelable state" : undefined;
};

const whyNotRetried = (job: Job): string | undefined => {
  if (job.operation !== 'Backup' || job.itemId === undefined) return "Retrying isn't supported for this job type";
  if (job.status !== 'Failed' && job.status !== 'Cancelled')
    return `Only a job that failed or was cancelled can be tried again; this one is ${job.status}`;
  return undefined;
};
