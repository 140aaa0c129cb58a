import type { JobOperation, JobStatus } from '../api/wire/job.ts';
import { type DateOptions, dateFilter } from './dateFilter.ts';

export const JOB_STATUSES = [
  'InProgress',
  'Completed',
  'CompletedWithWarnings',
  'Failed',
  'Cancelled',
  'Cancelling',
] as const satisfies readonly JobStatus[];

export const JOB_OPERATIONS = [
  'ConfigureBackup',
  'Backup',
  'Restore',
  'DisableBackup',
  'DeleteBackupData',
  'Undelete',
  'Register',
  'UnRegister',
  'CrossRegionRestore',
  'UpdateCustomerManagedKey',
] as const satisfies readonly JobOperation[];

export interface JobFilterOptions extends DateOptions {
  readonly operation?: JobOperation | undefined;
  readonly status?: JobStatus | undefined;
}

/** The `$filter` of a list of jobs, as az writes it. */
export const jobFilter = (options: JobFilterOptions): string =>
  [
    "backupManagementType eq 'AzureIaasVM'",
    ...(options.operation ? [`operation eq '${options.operation}'`] : []),
    ...dateFilter(options, { from: 'startTime', to: 'endTime' }),
    ...(options.status ? [`status eq '${options.status}'`] : []),
  ].join(' and ');
