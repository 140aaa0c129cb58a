import { CodedError } from '../lib/error.ts';
import { heldPhase, isJobEnded, type Job } from './job.ts';

/** A backup can be cancelled until its snapshot is taken, a restore while it runs. Errors: UserErrorJobNotCancellable. */
export const assertCancellable = (job: Job): void => {
  const reason = whyNot(job);
  if (reason === undefined) return;
  throw new CodedError('UserErrorJobNotCancellable', reason, {
    target: job.id,
    recommendations: ['Cancel a backup while it takes its snapshot, a restore while it is in progress.'],
  });
};

export const isCancellable = (job: Job): boolean => whyNot(job) === undefined;

const whyNot = (job: Job): string | undefined => {
  if (job.operation !== 'Backup' && job.operation !== 'Restore')
    return "Cancellation isn't supported for this job type";
  if (isJobEnded(job.status)) return "Backup can't cancel the job because it isn't in progress";
  if (job.operation === 'Backup' && heldPhase(job) !== 'snapshot') return "The job isn't in a cancelable state";
  return undefined;
};
