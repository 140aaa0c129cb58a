import type { JsonObject } from './json.ts';

export const JOB_STATUSES = [
  'InProgress',
  'Completed',
  'Failed',
  'CompletedWithWarnings',
  'Cancelled',
  'Cancelling',
] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

export type EndedJobStatus = 'Completed' | 'Failed' | 'CompletedWithWarnings' | 'Cancelled';

/** The operations Azure's API knows, then the vault's own housekeeping. */
export const ARM_JOB_OPERATIONS = [
  'Register',
  'UnRegister',
  'ConfigureBackup',
  'Backup',
  'Restore',
  'DisableBackup',
  'DeleteBackupData',
  'CrossRegionRestore',
  'Undelete',
  'UpdateCustomerManagedKey',
] as const;
export const HOUSEKEEPING_OPERATIONS = [
  'Collect',
  'Verify',
  'Replicate',
  'ExtendLocks',
  'CopyCatalogue',
  'Reconcile',
  'DrillKit',
  'RotateKeys',
] as const;
export type HousekeepingOperation = (typeof HOUSEKEEPING_OPERATIONS)[number];
export type JobOperation = (typeof ARM_JOB_OPERATIONS)[number] | HousekeepingOperation;

/** What looks after a store; Azure has no word for it, and its job lists leave it out. */
export const isHousekeeping = (operation: JobOperation): operation is HousekeepingOperation =>
  HOUSEKEEPING_OPERATIONS.some((other) => other === operation);

export type SubTaskStatus = 'NotStarted' | 'InProgress' | 'Completed' | 'Skipped' | 'Failed' | 'Cancelled';

export const TAKE_SNAPSHOT = 'Take Snapshot';
export const TRANSFER_DATA = 'Transfer data to vault';

export interface SubTask {
  /** Azure's taskId: 'Take Snapshot', 'Transfer data to vault' … */
  readonly name: string;
  readonly status: SubTaskStatus;
  /** ms since epoch. */
  readonly startTime?: number;
  readonly endTime?: number;
  readonly bytesDone?: number;
  readonly bytesTotal?: number;
  readonly bytesPerSecond?: number;
  readonly remainingMs?: number;
  /** Why it was skipped, or what it waits for; in words for the user. */
  readonly note?: string;
}

export interface JobError {
  readonly code: string;
  readonly message: string;
  readonly recommendations: readonly string[];
}

/** One run of work; the ARM backup job. A queued job is InProgress with its sub tasks NotStarted. */
export interface Job {
  /** UUID. */
  readonly id: string;
  readonly vaultId: string;
  readonly itemId?: string;
  readonly operation: JobOperation;
  readonly status: JobStatus;
  readonly entityFriendlyName: string;
  /** `iaasvmcontainerv2;rg;vm`; absent for jobs of no item. */
  readonly containerName?: string;
  readonly isUserTriggered: boolean;
  /** Who asked: a principal's id, or 'schedule'. */
  readonly startedBy: string;
  /** When it was asked for, ms. */
  readonly startTime: number;
  readonly endTime?: number;
  readonly subTasks: readonly SubTask[];
  readonly errors: readonly JobError[];
  readonly cancelRequested: boolean;
  /** What the user reads: 'VM Name', 'Backup Size' … */
  readonly propertyBag: Readonly<Record<string, string>>;
  /** What the runner needs to do the work. */
  readonly parameters: JsonObject;
  /** From 1; one more each time it is tried again after a passing failure. A restart of the server does not count. */
  readonly attempt: number;
  /** Times it was claimed; a fence: only the holder of the present epoch may write. */
  readonly epoch: number;
  readonly leaseOwner?: string;
  readonly leaseUntil?: number;
}

export const isJobEnded = (status: JobStatus): status is EndedJobStatus =>
  status !== 'InProgress' && status !== 'Cancelling';

export const subTask = (job: Job, name: string): SubTask | undefined => job.subTasks.find((task) => task.name === name);

/** Sub tasks of a new backup. */
export const backupSubTasks = (): readonly SubTask[] => [
  { name: TAKE_SNAPSHOT, status: 'NotStarted' },
  { name: TRANSFER_DATA, status: 'NotStarted' },
];

/**
 * The phase a backup holds of its item: one snapshot and one transfer at a time (two backups may overlap,
 * each in its own phase). Nothing is held between the phases or after them.
 */
export const heldPhase = (job: Pick<Job, 'operation' | 'status' | 'subTasks'>): 'snapshot' | 'transfer' | undefined => {
  if (job.operation !== 'Backup' || isJobEnded(job.status)) return undefined;
  const statusOf = (name: string) => job.subTasks.find((task) => task.name === name)?.status;
  const snapshot = statusOf(TAKE_SNAPSHOT);
  if (snapshot === 'NotStarted' || snapshot === 'InProgress') return 'snapshot';
  return statusOf(TRANSFER_DATA) === 'InProgress' ? 'transfer' : undefined;
};
