import { forgetJobs } from '../db/forgetJobs.ts';
import { type DueItem, listItemsDue, listItemsToPrune, setNextDue, setPruned } from '../db/itemSchedule.ts';
import { getItem } from '../db/items.ts';
import { forgetJobExports } from '../db/jobExports.ts';
import { recordEndedJob, tryEnqueueBackup } from '../db/jobs.ts';
import { forgetOperations } from '../db/operations.ts';
import { getPolicy } from '../db/policies.ts';
import { getScheduleCursor, recordOccurrence, setScheduleCursor } from '../db/schedule.ts';
import type { Queries } from '../db/schema.ts';
import { DAY_MS, HOUR_MS, isoTime } from '../lib/clock.ts';
import { isCoded } from '../lib/error.ts';
import { Periodic } from '../lib/periodic.ts';
import { jobError } from '../vault/errorCatalogue.ts';
import type { JsonObject } from '../vault/json.ts';
import { AZURE_LIMITS } from '../vault/limits.ts';
import type { Policy } from '../vault/policy.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import { type DueRuns, dueRuns, nextRuns, type Occurrence } from '../vault/schedule.ts';
import { newBackupJob } from './backupJob.ts';
import type { JobTools } from './context.ts';
import { askForHousekeeping } from './housekeeping.ts';
import { tellJobEnd } from './jobEnd.ts';
import { pruneItem } from './prune.ts';
import { announcePurges, purgeItems } from './purge.ts';
import { purgeVaults } from './purgeVaults.ts';
import { recoverCommits } from './recoverCommits.ts';
import type { JobRunner } from './runner.ts';

const TICK_MS = 30_000;
/** A tick reads those items alone that are due, a page at a time: its memory does not grow with the vaults. */
const PAGE = 200;
/** Whatever the schedule says, an item is looked at once a day. */
const LOOK_EVERY_MS = 24 * HOUR_MS;
const RETRY_MS = 60_000;
/** So many items are pruned in a tick, that a changed policy of many items holds up no backup. */
const PRUNED_IN_TICK = 500;
/** Long after any client has stopped polling. */
const KEEP_OPERATIONS_MS = 7 * DAY_MS;

/**
 * Asks for the backups that policies want, once each, records those that were missed, asks for the stores'
 * housekeeping, lets expired points go, and purges every hour.
 */
export class Scheduler {
  readonly #tools: JobTools;
  readonly #runner: Pick<JobRunner, 'wake'>;
  readonly #loop: Periodic;
  #purgedAt = Number.NEGATIVE_INFINITY;

  constructor(tools: JobTools, runner: Pick<JobRunner, 'wake'>) {
    this.#tools = tools;
    this.#runner = runner;
    const { clock, log } = tools;
    this.#loop = new Periodic({ clock, log, everyMs: TICK_MS, what: 'the scheduler' }, () => this.#turn());
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  /** Everything that is due now. One item's failure is logged and never holds up the others. */
  async tick(): Promise<void> {
    const { db, clock, log } = this.#tools;
    await this.#runAllDue();
    if (await askForHousekeeping(this.#tools)) this.#runner.wake();
    await this.#prune();
    if (clock.now() - this.#purgedAt < HOUR_MS) return;
    this.#purgedAt = clock.now();
    await forgetOperations(db.queries, clock.now() - KEEP_OPERATIONS_MS);
    await forgetJobs(db.queries, clock.now() - (this.#tools.jobHistoryDays ?? AZURE_LIMITS.jobHistoryDays) * DAY_MS);
    await forgetJobExports(db.queries, clock.now() - KEEP_OPERATIONS_MS);
    await announcePurges(this.#tools).catch((error: unknown) => log.error({ err: error }, 'announcing purges failed'));
    await purgeItems(this.#tools).catch((error: unknown) => log.error({ err: error }, 'purging failed'));
    await purgeVaults(this.#tools).catch((error: unknown) => log.error({ err: error }, 'purging vaults failed'));
  }

  async #turn(): Promise<void> {
    await recoverCommits(this.#tools).catch((error: unknown) =>
      this.#tools.log.error({ err: error }, 'recovering commits failed'),
    );
    await this.tick();
  }

  async #runAllDue(): Promise<void> {
    const { db, clock, log } = this.#tools;
    const now = clock.now();
    let after: DueItem | undefined;
    for (;;) {
      const due = await listItemsDue(db.queries, now, { limit: PAGE, after });
      after = due.at(-1);
      for (const { id } of due) {
        if (this.#loop.signal.aborted) return;
        await this.#runDue(id, now).catch(async (error: unknown) => {
          log.error({ err: error, item: id }, 'scheduling failed');
          await setNextDue(db.queries, id, now + RETRY_MS);
        });
      }
      if (due.length < PAGE) return;
    }
  }

  async #runDue(itemId: string, now: number): Promise<void> {
    const fired = await this.#tools.db
      .transaction((tx) => this.#lookAt(tx, itemId, now))
      .catch((error: unknown) => {
        // An on-demand backup takes its snapshot at this very moment: nothing is recorded, the next tick asks again.
        if (isCoded(error, 'UserErrorBackupOperationInProgress')) return false;
        throw error;
      });
    if (fired) this.#runner.wake();
  }

  /** Item and policy are read in the transaction that decides: a change comes before it or after it. */
  async #lookAt(tx: Queries, itemId: string, now: number): Promise<boolean> {
    const item = await getItem(tx, itemId);
    const policy = item?.policyId === undefined ? undefined : await getPolicy(tx, item.policyId);
    if (!item || !policy) {
      await setNextDue(tx, itemId, now + LOOK_EVERY_MS);
      return false;
    }
    const due = dueRuns(policy, (await getScheduleCursor(tx, item.id)) ?? item.createdAt, now);
    const fired = await this.#record(tx, item, policy, due, now);
    const next = nextRuns(policy, now, 1)[0]?.at ?? now + LOOK_EVERY_MS;
    await setNextDue(tx, item.id, Math.min(next, now + LOOK_EVERY_MS));
    return fired;
  }

  async #record(
    tx: Queries,
    item: ProtectedItem,
    policy: Policy,
    { run, missed }: DueRuns,
    now: number,
  ): Promise<boolean> {
    const request = { userTriggered: false, by: 'schedule', now };
    for (const one of missed)
      if (await recordOccurrence(tx, occurrence(item, one, 'missed', now)))
        await tellJobEnd(tx, await recordEndedJob(tx, newBackupJob(item, request), missedEnd(one, now)), now);
    await setScheduleCursor(tx, item.id, now);
    if (!run || !(await recordOccurrence(tx, occurrence(item, run, 'fired', now)))) return false;
    // a backup that fails is tried again until the next one is due
    const retryUntil = nextRuns(policy, Math.max(run.at, now), 1)[0]?.at;
    const parameters: JsonObject = {
      occurrence: run as unknown as JsonObject,
      ...(retryUntil === undefined ? {} : { retryUntil }),
    };
    await tryEnqueueBackup(tx, newBackupJob(item, { ...request, parameters }));
    return true;
  }

  async #prune(): Promise<void> {
    const { db, clock, log } = this.#tools;
    for (const id of await listItemsToPrune(db.queries, clock.now(), PRUNED_IN_TICK)) {
      if (this.#loop.signal.aborted) return;
      await pruneItem(this.#tools, id).catch(async (error: unknown) => {
        log.error({ err: error, item: id }, 'pruning failed');
        await setPruned(db.queries, id, { nextAt: clock.now() + HOUR_MS });
      });
    }
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
    jobError(
      'ScheduledBackupMissed',
      `The backup scheduled for ${isoTime(missed.at)} was missed: the server was not running.`,
    ),
  ],
});
