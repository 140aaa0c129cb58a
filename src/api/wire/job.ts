import type { IsoDuration, IsoTime, Resource } from './resource.ts';

export type Job = Resource<'Microsoft.RecoveryServices/vaults/backupJobs', JobProperties>;

export type JobStatus = 'InProgress' | 'Completed' | 'CompletedWithWarnings' | 'Failed' | 'Cancelled' | 'Cancelling';

export type JobOperation =
  | 'ConfigureBackup'
  | 'Backup'
  | 'Restore'
  | 'DisableBackup'
  | 'DeleteBackupData'
  | 'Undelete'
  | 'Register'
  | 'UnRegister'
  | 'CrossRegionRestore'
  | 'UpdateCustomerManagedKey';

export interface JobProperties {
  readonly jobType: 'AzureIaaSVMJob';
  readonly backupManagementType: 'AzureIaasVM';
  readonly entityFriendlyName: string;
  readonly operation: JobOperation;
  readonly status: JobStatus;
  readonly startTime: IsoTime;
  readonly endTime?: IsoTime | undefined;
  readonly duration: IsoDuration;
  readonly activityId?: string | undefined;
  readonly actionsInfo?: readonly ('Cancellable' | 'Retriable')[] | undefined;
  readonly errorDetails?: readonly JobError[] | undefined;
  readonly virtualMachineVersion?: 'Compute' | undefined;
  readonly containerName?: string | undefined;
  readonly isUserTriggered?: boolean | undefined;
  /** Only when one job is read, not in lists. */
  readonly extendedInfo?: JobExtendedInfo | undefined;
}

export interface JobError {
  readonly errorCode?: number | undefined;
  readonly errorTitle?: string | undefined;
  readonly errorString?: string | undefined;
  readonly recommendations?: readonly string[] | undefined;
}

export interface JobExtendedInfo {
  readonly tasksList: readonly JobTask[];
  /** What the portal shows under a job: 'VM Name', 'Backup Size', 'Recovery Point Expiry Time in UTC' … */
  readonly propertyBag?: Readonly<Record<string, string>> | undefined;
  readonly internalPropertyBag?: Readonly<Record<string, string>> | undefined;
  readonly progressPercentage?: number | undefined;
  readonly estimatedRemainingDuration?: IsoDuration | undefined;
  readonly dynamicErrorMessage?: string | undefined;
}

export type JobTaskStatus = 'NotStarted' | 'InProgress' | 'Completed' | 'Skipped' | 'Failed' | 'Cancelled';

export interface JobTask {
  /** 'Take Snapshot', 'Transfer data to vault' … */
  readonly taskId: string;
  readonly status: JobTaskStatus;
  readonly startTime?: IsoTime | undefined;
  readonly endTime?: IsoTime | undefined;
  readonly duration?: IsoDuration | undefined;
  readonly instanceId?: string | undefined;
  readonly progressPercentage?: number | undefined;
  readonly taskExecutionDetails?: string | undefined;
  /** The one additive property bag. */
  readonly strongroom?: JobTaskProgress | undefined;
}

export interface JobTaskProgress {
  readonly bytesDone?: number | undefined;
  readonly bytesTotal?: number | undefined;
  readonly bytesPerSecond?: number | undefined;
  readonly remainingMs?: number | undefined;
  /** One line for the reader, as why a disk is taken whole. */
  readonly note?: string | undefined;
}
