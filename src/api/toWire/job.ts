import { isoTime } from '../../lib/clock.ts';
import { jobArmId } from '../../vault/armIds.ts';
import { catalogueEntry } from '../../vault/errorCatalogue.ts';
import { isJobEnded, type Job, type JobError, type SubTask } from '../../vault/job.ts';
import { isCancellable, isRetriable } from '../../vault/jobRules.ts';
import { attemptsOf } from '../../vault/retryRules.ts';
import type * as Wire from '../wire/job.ts';
import { isoDuration } from './duration.ts';

/** `extended`: with sub tasks and progress, as one job is read; lists go without. */
export function jobToWire(
  vault: string,
  job: Job,
  options: { readonly extended: boolean; readonly now: number },
): Wire.Job {
  return {
    id: jobArmId(vault, job.id),
    name: job.id,
    type: 'Microsoft.RecoveryServices/vaults/backupJobs',
    properties: {
      jobType: 'AzureIaaSVMJob',
      backupManagementType: 'AzureIaasVM',
      // Housekeeping never reaches this list: it has no word in Azure's API.
      operation: job.operation as Wire.JobOperation,
      status: job.status,
      entityFriendlyName: job.entityFriendlyName,
      startTime: isoTime(job.startTime),
      endTime: job.endTime === undefined ? undefined : isoTime(job.endTime),
      duration: isoDuration((job.endTime ?? options.now) - job.startTime),
      activityId: job.id,
      actionsInfo: [
        ...(isCancellable(job) ? (['Cancellable'] as const) : []),
        ...(isRetriable(job) ? (['Retriable'] as const) : []),
      ],
      errorDetails: job.errors.length === 0 ? undefined : job.errors.map(errorToWire),
      virtualMachineVersion: 'Compute',
      containerName: job.containerName,
      isUserTriggered: job.isUserTriggered,
      ...(options.extended ? { extendedInfo: extendedInfo(job, options.now) } : {}),
    },
  };
}

function extendedInfo(job: Job, now: number): Wire.JobExtendedInfo {
  const remainingMs = job.subTasks.find((task) => task.status === 'InProgress')?.remainingMs;
  return {
    tasksList: job.subTasks.map((task) => taskToWire(task, now)),
    propertyBag: job.propertyBag,
    internalPropertyBag: { Attempt: String(job.attempt), Attempts: String(attemptsOf(job)) },
    progressPercentage: isJobEnded(job.status) ? undefined : overallPercentage(job.subTasks),
    estimatedRemainingDuration: remainingMs === undefined ? undefined : isoDuration(remainingMs),
    dynamicErrorMessage: job.errors[0]?.message,
  };
}

function taskToWire(task: SubTask, now: number): Wire.JobTask {
  const progress = {
    bytesDone: task.bytesDone,
    bytesTotal: task.bytesTotal,
    bytesPerSecond: task.bytesPerSecond,
    remainingMs: task.remainingMs,
    note: task.note,
  };
  return {
    taskId: task.name,
    status: task.status,
    startTime: task.startTime === undefined ? undefined : isoTime(task.startTime),
    endTime: task.endTime === undefined ? undefined : isoTime(task.endTime),
    duration: task.startTime === undefined ? undefined : isoDuration((task.endTime ?? now) - task.startTime),
    progressPercentage: percentage(task),
    taskExecutionDetails: task.note,
    ...(Object.values(progress).some((value) => value !== undefined) ? { strongroom: progress } : {}),
  };
}

function percentage(task: SubTask): number | undefined {
  if (task.status === 'Completed') return 100;
  if (task.status === 'NotStarted') return 0;
  if (task.bytesDone === undefined || !task.bytesTotal) return undefined;
  return Math.min(100, Math.floor((100 * task.bytesDone) / task.bytesTotal));
}

function overallPercentage(tasks: readonly SubTask[]): number {
  const counted = tasks.filter((task) => task.status !== 'Skipped');
  const sum = counted.reduce((total, task) => total + (percentage(task) ?? 0), 0);
  return counted.length === 0 ? 0 : Math.floor(sum / counted.length);
}

function errorToWire({ code, message, recommendations }: JobError): Wire.JobError {
  const entry = catalogueEntry(code);
  const text = entry?.text;
  return {
    errorCode: entry?.number,
    // the code itself, which clients can tell errors by
    errorTitle: code,
    errorString: text === undefined || message.startsWith(text) ? message : `${text} ${message}`,
    recommendations: recommendations.length > 0 ? recommendations : (entry?.recommendations ?? []),
  };
}
