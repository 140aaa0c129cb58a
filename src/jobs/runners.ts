import { randomUUID } from 'node:crypto';
import type { HousekeepingOperation } from '../vault/job.ts';
import { runBackup } from './backup.ts';
import { runCollect } from './collect.ts';
import type { JobTools } from './context.ts';
import { runCopyCatalogue } from './copyCatalogue.ts';
import { runDrillKit } from './drillKit.ts';
import { runExtendLocks } from './extendLocks.ts';
import { runReconcile } from './reconcile.ts';
import { runReplicate } from './replicate.ts';
import { runRestore } from './restore.ts';
import { runRotateKeys } from './rotateKeys.ts';
import { type JobHandler, JobRunner } from './runner.ts';
import { runVerify } from './verify.ts';

/** Backups and restores at once. */
const JOBS_AT_ONCE = 4;

const HOUSEKEEPING: Readonly<Record<HousekeepingOperation, JobHandler>> = {
  Collect: runCollect,
  Verify: runVerify,
  Replicate: runReplicate,
  ExtendLocks: runExtendLocks,
  CopyCatalogue: runCopyCatalogue,
  Reconcile: runReconcile,
  DrillKit: runDrillKit,
  RotateKeys: runRotateKeys,
};

/** Backups and restores in one queue, looking after the stores in another, one at a time: neither delays the other. */
export class JobRunners {
  readonly #all: readonly JobRunner[];

  constructor(tools: JobTools) {
    const owner = randomUUID();
    const protection = { Backup: runBackup, Restore: runRestore, CrossRegionRestore: runRestore };
    this.#all = [
      new JobRunner(tools, { owner, handlers: protection, concurrency: JOBS_AT_ONCE }),
      new JobRunner(tools, { owner, handlers: HOUSEKEEPING, concurrency: 1 }),
    ];
  }

  start(): void {
    for (const runner of this.#all) runner.start();
  }

  /** As JobRunner does. */
  wake(): void {
    for (const runner of this.#all) runner.wake();
  }

  cancel(jobId: string): void {
    for (const runner of this.#all) runner.cancel(jobId);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all.map((runner) => runner.stop()));
  }
}
