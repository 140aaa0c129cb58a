import { claimJob, finishJob, getJob, heartbeat, releaseJob } from '../db/jobs.ts';
import { retryJob } from '../db/retryJob.ts';
import { isoTime } from '../lib/clock.ts';
import { CodedError, isCoded } from '../lib/error.ts';
import { jobErrorOf } from '../vault/errorCatalogue.ts';
import type { EndedJobStatus, Job, JobError, JobOperation, SubTask } from '../vault/job.ts';
import { attemptsOf, nextAttemptAt } from '../vault/retryRules.ts';
import type { JobContext, JobTools } from './context.ts';
import { tellJobEnd } from './jobEnd.ts';

export type JobHandler = (context: JobContext) => Promise<JobOutcome>;

export interface JobOutcome {
  readonly status: 'Completed' | 'CompletedWithWarnings';
  readonly propertyBag?: Readonly<Record<string, string>>;
}

export interface RunnerOptions {
  /** Names this process in leases. */
  readonly owner: string;
  /** Only jobs of these operations are claimed: runners beside each other keep one kind of work from delaying another. */
  readonly handlers: Partial<Record<JobOperation, JobHandler>>;
  /** Jobs at once. */
  readonly concurrency: number;
  /** 0 to 1, for the rests between attempts; Math.random when absent. */
  readonly random?: () => number;
}

export const LEASE_MS = 30_000;
const HEARTBEAT_MS = 10_000;
const POLL_MS = 2_000;
class Shutdown extends Error {}

/** Leases jobs, runs them, keeps their leases, and records how they end. */
export class JobRunner {
  readonly #tools: JobTools;
  readonly #options: RunnerOptions;
  readonly #running = new Map<string, { readonly stop: AbortController; readonly done: Promise<void> }>();
  readonly #stopping = new AbortController();
  #wake: () => void = () => {};
  #loop: Promise<void> | undefined;

  constructor(tools: JobTools, options: RunnerOptions) {
    this.#tools = tools;
    this.#options = options;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Claims one job and runs it to its end, without the loop; false when there is none to claim. */
  async runOne(): Promise<boolean> {
    const job = await this.#claim();
    if (job) await this.#begin(job);
    return job !== undefined;
  }

  /** Looks for work now instead of at the next poll. */
  wake(): void {
    this.#wake();
  }

  /** Stops a job that runs here, as its row already says. */
  cancel(jobId: string): void {
    this.#running.get(jobId)?.stop.abort(cancelled());
  }

  /** Stops taking jobs and gives back those that run, so that the next start goes on with them at once. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Shutdown('the server is stopping'));
    for (const { stop } of this.#running.values()) stop.abort(this.#stopping.signal.reason);
    this.#wake();
    await this.#loop;
    await Promise.all([...this.#running.values()].map(({ done }) => done));
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const job = this.#running.size < this.#options.concurrency ? await this.#claim() : undefined;
      if (job) void this.#begin(job);
      else await this.#pause();
    }
  }

  async #claim(): Promise<Job | undefined> {
    const { db, clock, log } = this.#tools;
    try {
      const { owner, handlers } = this.#options;
      return await claimJob(db.queries, owner, clock.now(), LEASE_MS, Object.keys(handlers) as JobOperation[]);
    } catch (error) {
      log.error({ err: error }, 'no job could be claimed');
      return undefined;
    }
  }

  #pause(): Promise<unknown> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    const poll = new AbortController();
    const polled = this.#tools.clock.sleep(POLL_MS, poll.signal).catch(() => {});
    return Promise.race([woken, polled]).finally(() => poll.abort());
  }

  #begin(job: Job): Promise<void> {
    const stop = new AbortController();
    const done = this.#runJob(job, stop).finally(() => {
      this.#running.delete(job.id);
      this.#wake();
    });
    this.#running.set(job.id, { stop, done });
    return done;
  }

  async #runJob(job: Job, stop: AbortController): Promise<void> {
    const log = this.#tools.log.child({ job: job.id, operation: job.operation, epoch: job.epoch });
    const context: JobContext = { ...this.#tools, log, job, signal: stop.signal };
    const keeping = this.#keepLease(job, stop);
    try {
      if (job.cancelRequested) throw cancelled();
      const outcome = await this.#options.handlers[job.operation]!(context);
      await this.#finish(job, outcome.status, [], outcome.propertyBag);
    } catch (error) {
      await this.#recordFailure(context, stop.signal.aborted ? stop.signal.reason : error).catch((lost: unknown) =>
        log.warn({ err: lost }, 'the end of a job could not be recorded; its lease will run out'),
      );
    } finally {
      keeping.abort();
    }
  }

  /** Renews the lease until told to end; a lost lease or a wish to cancel stops the job. */
  #keepLease(job: Job, stop: AbortController): AbortController {
    const { db, clock } = this.#tools;
    const end = new AbortController();
    const keep = async (): Promise<void> => {
      for (;;) {
        await clock.sleep(HEARTBEAT_MS, end.signal);
        const held = await heartbeat(db.queries, job.id, job.epoch, clock.now() + LEASE_MS);
        if (!held) return stop.abort(new CodedError('JobLeaseLost', `The lease of job ${job.id} is lost.`));
        if ((await getJob(db.queries, job.id))?.cancelRequested) return stop.abort(cancelled());
      }
    };
    keep().catch((error: unknown) => {
      if (!end.signal.aborted) stop.abort(error);
    });
    return end;
  }

  async #recordFailure(context: JobContext, error: unknown): Promise<void> {
    const { db, clock, log, job } = context;
    if (error instanceof Shutdown) return releaseJob(db.queries, job.id, job.epoch, 0);
    if (isCoded(error, 'JobLeaseLost')) return void log.warn('the lease was lost; another worker has the job');
    if (isCoded(error, 'JobCancelled')) return this.#finish(job, 'Cancelled', []);
    if (!(error instanceof CodedError)) log.error({ err: error }, 'a job met a bug');
    const coded = error instanceof CodedError ? error : internal(error, job);
    const failure = jobErrorOf(coded);
    const random = (this.#options.random ?? Math.random)();
    const at = nextAttemptAt(job, failure, { now: clock.now(), random });
    if (at === undefined) return this.#finish(job, 'Failed', [failure]);
    log.info({ code: coded.code, reason: coded.message, attempt: job.attempt }, 'the job will be tried again');
    const current = (await getJob(db.queries, job.id))?.subTasks ?? job.subTasks;
    const subTasks = noted(
      current,
      `Attempt ${job.attempt} of ${attemptsOf(job)} failed (${coded.code}: ${coded.message}); the next begins at ${isoTime(at)}.`,
    );
    return retryJob(db.queries, job.id, job.epoch, { notBefore: at, subTasks });
  }

  async #finish(
    job: Job,
    status: EndedJobStatus,
    errors: readonly JobError[],
    propertyBag: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const { db, clock } = this.#tools;
    const now = clock.now();
    const patch = (current: Job) => ({
      propertyBag: job.attempt > 1 ? { ...propertyBag, Attempts: String(job.attempt) } : propertyBag,
      subTasks: current.subTasks.map((task) => closed(task, status, now)),
    });
    await db.transaction(async (tx) => {
      const ended = await finishJob(tx, job.id, job.epoch, { status, now, errors, patch });
      await tellJobEnd(tx, ended, now);
    });
  }
}

/** A job that ended leaves no sub task open. */
const closed = (task: SubTask, status: EndedJobStatus, now: number): SubTask => {
  if (task.status !== 'InProgress' || status === 'Completed' || status === 'CompletedWithWarnings') return task;
  const { remainingMs: _remaining, ...rest } = task;
  return { ...rest, status: status === 'Cancelled' ? 'Cancelled' : 'Failed', endTime: now };
};

/** The sub task that failed tells why, and when it is tried again. */
const noted = (subTasks: readonly SubTask[], note: string): readonly SubTask[] => {
  const at = subTasks.findIndex(({ status }) => status === 'InProgress' || status === 'NotStarted');
  return subTasks.map((task, i) => (i === at ? { ...task, note } : task));
};

const cancelled = (): CodedError => new CodedError('JobCancelled', 'The job was cancelled.');

const internal = (error: unknown, job: Job): CodedError =>
  new CodedError('BackUpOperationFailed', `${job.operation} failed with an internal error.`, {
    cause: error,
    recommendations: [`Look for job ${job.id} in the server's log, and tell us: this is a defect.`],
  });
