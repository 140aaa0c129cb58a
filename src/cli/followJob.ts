import type { Job } from '../api/wire/job.ts';
import { isCoded } from '../lib/error.ts';
import { CommandFailed, Interrupted } from './exit.ts';
import { below, vaultFlags } from './ids.ts';
import { tasksOf } from './progress.ts';
import type { Session } from './shell.ts';

const POLL_MS = 1000;
const POLL_UNREACHABLE_MAX_MS = 15_000;
/** A server that restarts does not end its jobs, so the wait outlives it. */
const UNREACHABLE_MAX_MS = 5 * 60_000;

export interface FollowOptions {
  /** Undefined: as long as it takes. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Shows a job's progress until it ends, and returns it. Ctrl-C and the timeout end only the watching.
 * Errors: CommandFailed (timeout), Interrupted.
 */
export async function followJob(
  session: Session,
  vault: string,
  name: string,
  options: FollowOptions = {},
): Promise<Job> {
  const { arm, clock, signal, progress } = session;
  const path = below(vault, 'backupJobs', name);
  const deadline = clock.now() + (options.timeoutMs ?? Number.POSITIVE_INFINITY);
  let lastSeen = clock.now();
  let pollMs = POLL_MS;
  try {
    for (;;) {
      const job = await read();
      if (job) {
        progress.update(tasksOf(job));
        if (isOver(job)) return job;
        pollMs = POLL_MS;
      } else {
        if (pollMs === POLL_MS) unreachable();
        pollMs = Math.min(pollMs * 2, POLL_UNREACHABLE_MAX_MS);
      }
      if (clock.now() >= deadline) {
        throw new CommandFailed(`Job ${name} is not over after ${(options.timeoutMs ?? 0) / 1000} s; it goes on.`);
      }
      await clock.sleep(Math.min(pollMs, deadline - clock.now()), signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new Interrupted(
      `Job ${name} goes on in the vault. To watch it again: strongroom job wait ${vaultFlags(vault)} -n ${name}`,
    );
  } finally {
    progress.end();
  }

  function unreachable(): void {
    progress.end();
    session.say('WARNING: the server cannot be reached; trying again.');
  }

  async function read(): Promise<Job | undefined> {
    try {
      const job = await arm.get<Job>('backup', path);
      lastSeen = clock.now();
      return job;
    } catch (error) {
      if (!isCoded(error, 'ServerUnreachable') || clock.now() - lastSeen > UNREACHABLE_MAX_MS) throw error;
      return undefined;
    }
  }
}

export const isOver = ({ properties }: Job): boolean =>
  properties.status !== 'InProgress' && properties.status !== 'Cancelling';

/** Prints the job of a command that waited for it. Errors: CommandFailed with the job's own errors. */
export async function printOutcome(session: Session, job: Job): Promise<void> {
  await session.print(job);
  const { status, operation, entityFriendlyName, errorDetails } = job.properties;
  if (status === 'CompletedWithWarnings') {
    session.say(`WARNING: ${operation} of ${entityFriendlyName} completed with warnings.`);
    for (const line of errorLines(errorDetails)) session.say(line);
  }
  if (status === 'Failed' || status === 'Cancelled') {
    const what = status === 'Failed' ? 'failed' : 'was cancelled';
    throw new CommandFailed(
      `${operation} of ${entityFriendlyName} ${what} (job ${job.name}).`,
      errorLines(errorDetails),
    );
  }
}

/** The code stands in the title; the number is that of clients which know errors by numbers. */
const errorLines = (errors: Job['properties']['errorDetails']): string[] =>
  (errors ?? []).flatMap(({ errorCode, errorTitle, errorString = '', recommendations }) => [
    `- (${errorTitle ?? errorCode ?? 'Unknown'}) ${errorString}`.trimEnd(),
    ...(recommendations ?? []).map((recommendation) => `Recommendation: ${recommendation}`),
  ]);
