import { listItems } from '../db/items.ts';
import { recordEndedJob, tryEnqueueBackup } from '../db/jobs.ts';
import { forgetOperations } from '../db/operations.ts';
import { getPolicy } from '../db/policies.ts';
import { getScheduleCursor, recordOccurrence, setScheduleCursor } from '../db/schedule.ts';
import type { Queries } from '../db/schema.ts';
import { isCoded } from '../lib/error.ts';
import type { JsonObject } from '../vault/json.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import { isActivelyProtected } from '../vault/protection.ts';
import { type DueRuns, dueRuns, type Occurrence } from '../vault/schedule.ts';
import { newBackupJob } from './backupJob.ts';
import type { JobTools } from './context.ts';
import { askForHousekeeping } from './housekeeping.ts';
import { pruneItem, purgeItems } from './prune.ts';
import { recoverCommits } from './recoverCommits.ts';
import type { JobRunner } from './runner.ts';

const TICK_MS = 30_000;
const PRUNE_EVERY_MS = 60 * 60 * 1000;
/** Long after any client has stopped polling. */
const KEEP_OPERATIONS_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * Asks for the backups that policies want, once each, records those that were missed, asks for the stores'
 * housekeeping, and prunes every hour.
 */
export class Scheduler {
  readonly #tools: JobTools;
  readonly #runner: Pick<JobRunner, 'wake'>;
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;
  #prunedAt = Number.NEGATIVE_INFINITY;

  constructor(tools: JobTools, runner: Pick<JobRunner, 'wake'>) {
    this.#tools = tools;
    this.#runner = runner;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the server is stopping'));
    await this.#loop;
  }

  /** Everything that is due now. One item's failure is logged and never holds up the others. */
  async tick(): Promise<void> {
    const { db, clock, log } = this.#tools;
    for (const item of await listItems(db.queries)) {
      await this.#runDue(item).catch((error: unknown) => log.error({ err: error, item: item.id }, 'scheduling failed'));
    }
    if (await askForHousekeeping(this.#tools)) this.#runner.wake();
    if (clock.now() - this.#prunedAt < PRUNE_EVERY_MS) return;
    this.#prunedAt = clock.now();
    for (const item of await listItems(db.queries))
      await pruneItem(this.#tools, item.id).catch((error: unknown) =>
        log.error({ err: error, item: item.id }, 'pruning failed'),
      );
    await forgetOperations(db.queries, clock.now() - KEEP_OPERATIONS_MS);
    await purgeItems(this.#tools).catch((error: unknown) => log.error({ err: error }, 'purging failed'));
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#tools;
    while (!this.#stopping.signal.aborted) {
      await recoverCommits(this.#tools).catch((error: unknown) =>
        log.error({ err: error }, 'recovering commits failed'),
      );
      await this.tick().catch((error: unknown) => log.error({ err: error }, 'the scheduler met an error'));
      await clock.sleep(TICK_MS, this.#stopping.signal).catch(() => {});
    }
  }

  async #runDue(item: ProtectedItem): Promise<void> {
    const { db, clock } = this.#tools;
    if (!isActivelyProtected(item) || item.policyId === undefined) return;
    const policy = await getPolicy(db.queries, item.policyId);
    if (!policy) return;
    const now = clock.now();
    const due = dueRuns(policy, (await getScheduleCursor(db.queries, item.id)) ?? item.createdAt, now);
    const fired = await db
      .transaction((tx) => this.#record(tx, item, due, now))
      .catch((error: unknown) => {
        // An on-demand backup takes its snapshot at this very moment: nothing is recorded, the next tick asks again.
        if (isCoded(error, 'UserErrorBackupOperationInProgress')) return false;
        throw error;
      });
    if (fired) this.#runner.wake();
  }

  async #record(tx: Queries, item: ProtectedItem, { run, missed }: DueRuns, now: number): Promise<boolean> {
    const request = { userTriggered: false, by: 'schedule', now };
    for (const one of missed)
      if (await recordOccurrence(tx, occurrence(item, one, 'missed', now)))
        await recordEndedJob(tx, newBackupJob(item, request), missedEnd(one, now));
    await setScheduleCursor(tx, item.id, now);
    if (!run || !(await recordOccurrence(tx, occurrence(item, run, 'fired', now)))) return false;
    await tryEnqueueBackup(
      tx,
      newBackupJob(item, { ...request, parameters: { occurrence: run as unknown as JsonObject } }),
    );
    return true;
  }
}

const occurrence = (item: ProtectedItem, { key, at }: Occurrence, outcome: 'fired' | 'missed', recordedAt: number) => ({
  itemId: item.id,
  key,
  dueAt: at,
  outcome,
  recordedAt,
});

const missedEnd = (missed: Occurrence, now: number) => ({
  status: 'Failed' as const,
  endTime: now,
  errors: [
    {
      code: 'ScheduledBackupMissed',
      message: `The backup scheduled for ${new Date(missed.at).toISOString()} was missed: the server was not running.`,
      recommendations: ['The newest missed backup is caught up at once; keep the server running for the others.'],
    },
  ],
});
