import { updateJob } from '../db/jobs.ts';
import type { Job, SubTask, SubTaskStatus } from '../vault/job.ts';
import type { JobContext } from './context.ts';

const WRITE_EVERY_MS = 1000;
/** Weight of the newest second in the shown rate: steady enough to read, quick enough to be true. */
const RATE_WEIGHT = 0.3;

/** Keeps one sub task of a job's row true: status, bytes, rate, time left. Errors of every method: JobLeaseLost. */
export class SubTaskProgress {
  readonly #context: JobContext;
  readonly #name: string;
  #shown = { time: 0, bytesDone: 0 };
  #bytesPerSecond: number | undefined;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(context: JobContext, name: string) {
    this.#context = context;
    this.#name = name;
  }

  async start(): Promise<void> {
    const now = this.#context.clock.now();
    this.#shown = { time: now, bytesDone: 0 };
    await this.#write((task) => ({ ...task, status: 'InProgress', startTime: task.startTime ?? now }));
  }

  /** Cheap to call: the row is written once a second at most, and a lost lease shows at the next heartbeat. */
  report(bytesDone: number, bytesTotal: number): void {
    const now = this.#context.clock.now();
    const elapsedMs = now - this.#shown.time;
    if (elapsedMs < WRITE_EVERY_MS) return;
    const rate = ((bytesDone - this.#shown.bytesDone) * 1000) / elapsedMs;
    this.#bytesPerSecond =
      this.#bytesPerSecond === undefined ? rate : this.#bytesPerSecond * (1 - RATE_WEIGHT) + rate * RATE_WEIGHT;
    this.#shown = { time: now, bytesDone };
    const bytesPerSecond = Math.round(this.#bytesPerSecond);
    const left = Math.max(0, bytesTotal - bytesDone);
    const remaining = bytesPerSecond > 0 ? { remainingMs: Math.round((left * 1000) / bytesPerSecond) } : {};
    this.#writing = this.#writing
      .then(() => this.#write((task) => ({ ...task, bytesDone, bytesTotal, bytesPerSecond, ...remaining })))
      .catch((error: unknown) => this.#context.log.debug({ error }, 'progress was not written'));
  }

  async end(status: SubTaskStatus, more: Pick<SubTask, 'bytesDone' | 'bytesTotal' | 'note'> = {}): Promise<void> {
    await this.#writing;
    await this.#write((task) => this.ended(task, status, more));
  }

  /** The same as a pure step, for a caller that ends the sub task within a transaction of its own. */
  ended(task: SubTask, status: SubTaskStatus, more: Pick<SubTask, 'bytesDone' | 'bytesTotal' | 'note'> = {}): SubTask {
    const { remainingMs: _remaining, ...rest } = task;
    const endTime = this.#context.clock.now();
    const elapsedMs = endTime - (task.startTime ?? endTime);
    const mean =
      more.bytesDone && elapsedMs > 0 ? { bytesPerSecond: Math.round((more.bytesDone * 1000) / elapsedMs) } : {};
    return { ...rest, ...mean, ...more, status, endTime };
  }

  /** Waits for the last report, so that nothing is written after `end` of a caller's own. */
  async settle(): Promise<void> {
    await this.#writing;
  }

  async #write(change: (task: SubTask) => SubTask): Promise<void> {
    const { db, job } = this.#context;
    await updateJob(db.queries, job.id, job.epoch, (now) => ({ subTasks: changeSubTask(now, this.#name, change) }));
  }
}

export const changeSubTask = (job: Job, name: string, change: (task: SubTask) => SubTask): readonly SubTask[] =>
  job.subTasks.map((task) => (task.name === name ? change(task) : task));
