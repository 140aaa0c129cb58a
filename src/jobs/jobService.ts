import { getItem } from '../db/items.ts';
import { enqueueJob, getJob, type NewJob, recordEndedJob, requestCancel, tryEnqueueBackup } from '../db/jobs.ts';
import { CodedError } from '../lib/error.ts';
import { isJobEnded, type JobOperation } from '../vault/job.ts';
import type { JsonObject } from '../vault/json.ts';
import { shortContainerName } from '../vault/names.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import { assertCanBackUp, assertCanRestore } from '../vault/protection.ts';
import { newBackupJob } from './backupJob.ts';
import type { JobTools } from './context.ts';
import { type RestoreTarget, restoreSubTasks } from './restoreTarget.ts';
import type { JobRunner } from './runner.ts';

/** Who asked, for the job's record. */
export interface RequestedBy {
  readonly objectId: string;
  readonly name: string;
}

const CANCELLABLE: readonly JobOperation[] = ['Backup', 'Restore'];

/** What the control plane asks of the jobs room. Each answer is the id of a job. */
export class JobService {
  readonly #tools: Pick<JobTools, 'db' | 'clock'>;
  readonly #runner: Pick<JobRunner, 'wake' | 'cancel'>;

  constructor(tools: Pick<JobTools, 'db' | 'clock'>, runner: Pick<JobRunner, 'wake' | 'cancel'>) {
    this.#tools = tools;
    this.#runner = runner;
  }

  /** `retainUntil`: ms. Errors: UserErrorBackupOperationInProgress, UserErrorBcmDatasourceNotPresent. */
  async requestBackup(
    itemId: string,
    request: { readonly userTriggered: boolean; readonly retainUntil?: number; readonly by: RequestedBy },
  ): Promise<string> {
    const { db, clock } = this.#tools;
    const item = await this.#item(itemId);
    assertCanBackUp(item);
    const parameters: JsonObject = request.retainUntil === undefined ? {} : { retainUntil: request.retainUntil };
    const { userTriggered, by } = request;
    const job = await tryEnqueueBackup(
      db.queries,
      newBackupJob(item, { userTriggered, by: by.objectId, now: clock.now(), parameters }),
    );
    this.#runner.wake();
    return job.id;
  }

  /** Errors: UserErrorBcmDatasourceNotPresent, UserErrorOperationDeniedOnSoftDeletedItem. */
  async requestRestore(itemId: string, pointId: string, target: RestoreTarget, by: RequestedBy): Promise<string> {
    const item = await this.#item(itemId);
    assertCanRestore(item);
    const job = await enqueueJob(this.#tools.db.queries, {
      ...this.#newJob('Restore', item, by),
      subTasks: restoreSubTasks(target),
      parameters: { pointId, target: target as unknown as JsonObject },
    });
    this.#runner.wake();
    return job.id;
  }

  /** Records work that was done at once. */
  async recordFinished(operation: JobOperation, itemId: string, by: RequestedBy): Promise<string> {
    const { db, clock } = this.#tools;
    const job = this.#newJob(operation, await this.#item(itemId), by);
    return (await recordEndedJob(db.queries, job, { status: 'Completed', endTime: clock.now() })).id;
  }

  /** The item is soft-deleted already, its data stay until the purge: the job tells of it. */
  requestDelete(itemId: string, by: RequestedBy): Promise<string> {
    return this.recordFinished('DeleteBackupData', itemId, by);
  }

  /** Errors: UserErrorJobNotCancellable. */
  async cancel(jobId: string): Promise<void> {
    const { db } = this.#tools;
    const job = await getJob(db.queries, jobId);
    if (!job || isJobEnded(job.status))
      throw notCancellable(jobId, `The job isn't in a cancelable state: it is ${job?.status ?? 'unknown'}.`);
    if (!CANCELLABLE.includes(job.operation))
      throw notCancellable(jobId, `Cancellation isn't supported for this job type: ${job.operation}.`);
    await requestCancel(db.queries, jobId);
    this.#runner.cancel(jobId);
  }

  async #item(itemId: string): Promise<ProtectedItem> {
    const item = await getItem(this.#tools.db.queries, itemId);
    if (item) return item;
    throw new CodedError('UserErrorBcmDatasourceNotPresent', `Protected item ${itemId} is not in a vault here.`, {
      target: itemId,
    });
  }

  #newJob(operation: JobOperation, item: ProtectedItem, by: RequestedBy): NewJob {
    return {
      vaultId: item.vaultId,
      itemId: item.id,
      operation,
      entityFriendlyName: item.vmName,
      containerName: shortContainerName(item),
      isUserTriggered: true,
      startedBy: by.objectId,
      startTime: this.#tools.clock.now(),
      propertyBag: { 'VM Name': item.vmName },
    };
  }
}

const notCancellable = (jobId: string, message: string): CodedError =>
  new CodedError('UserErrorJobNotCancellable', message, {
    target: jobId,
    recommendations: [`Legal are jobs in progress of these operations: ${CANCELLABLE.join(', ')}.`],
  });
