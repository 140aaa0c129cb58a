import { enqueueHousekeeping } from '../db/housekeeping.ts';
import { getItem } from '../db/items.ts';
import { enqueueJob, getJob, requestCancel, tryEnqueueBackup } from '../db/jobs.ts';
import { CodedError } from '../lib/error.ts';
import type { HousekeepingOperation } from '../vault/job.ts';
import { assertCancellable, assertRetriable } from '../vault/jobRules.ts';
import type { JsonObject } from '../vault/json.ts';
import { shortContainerName } from '../vault/names.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import { assertCanBackUp, assertCanRestore } from '../vault/protection.ts';
import type { Vault } from '../vault/vault.ts';
import { newBackupJob } from './backupJob.ts';
import type { JobTools } from './context.ts';
import { failBack, failOver, makeSecondaryPrimary } from './failOver.ts';
import { newHousekeepingJob } from './housekeeping.ts';
import { type RestoreTarget, restoreSubTasks } from './restoreTarget.ts';
import type { JobRunner } from './runner.ts';

/** Who asked, for the job's record. */
export interface RequestedBy {
  readonly objectId: string;
  readonly name: string;
}

/** `makeSecondaryPrimary`: for good, what was not copied in time is lost. */
export const COPY_SWITCHES = ['failOver', 'failBack', 'makeSecondaryPrimary'] as const;
export type CopySwitch = (typeof COPY_SWITCHES)[number];

/** What the control plane asks of the jobs room. Each answer is the id of a job. */
export class JobService {
  readonly #tools: Pick<JobTools, 'db' | 'clock' | 'stores'>;
  readonly #runner: Pick<JobRunner, 'wake' | 'cancel'>;

  constructor(tools: Pick<JobTools, 'db' | 'clock' | 'stores'>, runner: Pick<JobRunner, 'wake' | 'cancel'>) {
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
      vaultId: item.vaultId,
      itemId: item.id,
      operation: target.fromSecondary ? 'CrossRegionRestore' : 'Restore',
      entityFriendlyName: item.vmName,
      containerName: shortContainerName(item),
      isUserTriggered: true,
      startedBy: by.objectId,
      startTime: this.#tools.clock.now(),
      propertyBag: { 'VM Name': item.vmName },
      subTasks: restoreSubTasks(target),
      parameters: { pointId, target: target as unknown as JsonObject },
    });
    this.#runner.wake();
    return job.id;
  }

  /** One of each operation at a time in a vault: asking again gives the job that has not ended. */
  async requestHousekeeping(
    vault: Pick<Vault, 'id' | 'name'>,
    operation: HousekeepingOperation,
    request: { readonly parameters: JsonObject; readonly by: RequestedBy },
  ): Promise<string> {
    const { db, clock } = this.#tools;
    const { parameters, by } = request;
    const wanted = newHousekeepingJob(vault, operation, clock.now(), { by: by.objectId, parameters });
    const job = await enqueueHousekeeping(db.queries, wanted);
    this.#runner.wake();
    return job.id;
  }

  /** Which copy of a geo-redundant vault is read and written. Errors: those of failOver.ts. */
  async switchCopy(vaultId: string, to: CopySwitch): Promise<void> {
    if (to === 'failOver') await failOver(this.#tools, vaultId);
    else if (to === 'failBack') await failBack(this.#tools, vaultId);
    else await makeSecondaryPrimary(this.#tools, vaultId);
  }

  /** Errors: ResourceNotFound, UserErrorJobNotCancellable. */
  async cancel(jobId: string): Promise<void> {
    const { db } = this.#tools;
    const job = await getJob(db.queries, jobId);
    if (!job) throw new CodedError('ResourceNotFound', `Job ${jobId} is not here.`, { target: jobId });
    assertCancellable(job);
    await requestCancel(db.queries, jobId);
    this.#runner.cancel(jobId);
    // one that rests between two attempts runs nowhere: it is claimed to be ended
    this.#runner.wake();
  }

  /** The same backup again. Errors: ResourceNotFound, UserErrorJobNotRetriable, and those of requestBackup. */
  async retry(jobId: string, by: RequestedBy): Promise<string> {
    const { db, clock } = this.#tools;
    const job = await getJob(db.queries, jobId);
    if (!job?.itemId) throw new CodedError('ResourceNotFound', `Job ${jobId} is not here.`, { target: jobId });
    assertRetriable(job);
    const { retainUntil } = job.parameters;
    const isAhead = typeof retainUntil === 'number' && retainUntil > clock.now();
    return this.requestBackup(job.itemId, { userTriggered: true, by, ...(isAhead ? { retainUntil } : {}) });
  }

  async #item(itemId: string): Promise<ProtectedItem> {
    const item = await getItem(this.#tools.db.queries, itemId);
    if (item) return item;
    throw new CodedError('UserErrorBcmDatasourceNotPresent', `Protected item ${itemId} is not in a vault here.`, {
      target: itemId,
    });
  }
}
