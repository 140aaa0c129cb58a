import { MINUTE_MS } from '../lib/clock.ts';
import { isPassing } from './errorCatalogue.ts';
import type { Job, JobError } from './job.ts';

/** How often work is tried, and how long it rests in between. */
interface RetryRule {
  readonly attempts: number;
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
}

/** A snapshot falls back to crash consistency at its even attempts from the fourth on; the ninth is the last. */
const BACKUP: RetryRule = { attempts: 9, firstDelayMs: MINUTE_MS / 4, longestDelayMs: 15 * MINUTE_MS };
const OTHERS: RetryRule = { attempts: 3, firstDelayMs: MINUTE_MS / 4, longestDelayMs: MINUTE_MS };
/** The rest is shortened by up to this part, so that jobs that failed together don't come back together. */
const JITTER = 0.2;

const ruleOf = (job: Pick<Job, 'operation'>): RetryRule => (job.operation === 'Backup' ? BACKUP : OTHERS);

export const attemptsOf = (job: Pick<Job, 'operation'>): number => ruleOf(job).attempts;

/**
 * When a job that failed is tried again, ms; undefined: not any more. What a person has to mend is not, nor is a
 * scheduled backup once the next one is due. `random`: 0 to 1.
 */
export const nextAttemptAt = (
  job: Pick<Job, 'operation' | 'attempt' | 'parameters'>,
  { code }: Pick<JobError, 'code'>,
  { now, random }: { readonly now: number; readonly random: number },
): number | undefined => {
  const { attempts, firstDelayMs, longestDelayMs } = ruleOf(job);
  if (!isPassing(code) || job.attempt >= attempts) return undefined;
  const restMs = Math.min(longestDelayMs, firstDelayMs * 2 ** (job.attempt - 1));
  const at = now + Math.round(restMs * (1 - JITTER * random));
  const { retryUntil } = job.parameters;
  return typeof retryUntil === 'number' && at >= retryUntil ? undefined : at;
};
