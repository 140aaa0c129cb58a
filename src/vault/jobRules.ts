import { CodedError } from '../lib/error.ts';
import { isJobEnded, type Job } from './job.ts';

/** A backup in either phase and a restore can be cancelled while they run. Errors: UserErrorJobNotCancellable. */
export const assertCancellable = (job: Job): void => {
  const reason = whyNot(job);
  if (reason === undefined) return;
  throw new CodedError('UserErrorJobNotCancellable', reason, {
    target: job.id,
    recommendations: ['Legal are backups and restores in progress.'],
  });
};

export const isCancellable = (job: Job): boolean => whyNot(job) === undefined;

const whyNot = (job: Job): string | undefined => {
  if (job.operation !== 'Backup' && job.operation !== 'Restore')
    return "Cancellation isn't supported for this job type";
  if (isJobEnded(job.status)) return "The job can't be cancelled because it isn't in progress";
  return undefined;
};
