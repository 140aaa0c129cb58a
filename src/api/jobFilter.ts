import { type Condition, conditionsOf, type Filter, type FilterProperties } from '../arm/filter.ts';
import type { JobFilter } from '../db/jobList.ts';
import { CodedError } from '../lib/error.ts';
import { ARM_JOB_OPERATIONS, JOB_STATUSES } from '../vault/job.ts';
import { legalValue } from './legalValue.ts';

export const JOB_FILTER: FilterProperties = {
  backupManagementType: 'string',
  operation: 'string',
  status: 'string',
  startTime: 'dateTime',
  endTime: 'dateTime',
  jobId: 'string',
  entityFriendlyName: 'string',
};

/** What a job list is asked for. */
export type JobQuery = Omit<JobFilter, 'vaultId'>;

/**
 * `startTime` and `endTime` bound the time a job began, as az sends them, whatever operator stands between.
 * undefined: no job can match. Errors: InvalidFilter, naming the legal values.
 */
export function jobQuery(filter: Filter | undefined): JobQuery | undefined {
  const conditions = conditionsOf(filter);
  const management = textOf(conditions, 'backupManagementType');
  if (management !== undefined && management.toLowerCase() !== 'azureiaasvm') return undefined;
  const [startFrom, startTo] = [timeOf(conditions, 'startTime'), timeOf(conditions, 'endTime')];
  if (startFrom !== undefined && startTo !== undefined && startFrom > startTo) {
    throw new CodedError('InvalidFilter', 'startTime is after endTime; it must be the earlier one.', {
      target: '$filter',
    });
  }
  const status = legalValue('status', textOf(conditions, 'status'), JOB_STATUSES, 'InvalidFilter');
  const operation = legalValue('operation', textOf(conditions, 'operation'), ARM_JOB_OPERATIONS, 'InvalidFilter');
  const [jobId, entity] = [textOf(conditions, 'jobId'), textOf(conditions, 'entityFriendlyName')];
  return {
    // Housekeeping jobs have no word in Azure's API and stay out of its lists.
    operations: operation === undefined ? ARM_JOB_OPERATIONS : [operation],
    ...(status === undefined ? {} : { statuses: [status] }),
    ...(startFrom === undefined ? {} : { startFrom }),
    ...(startTo === undefined ? {} : { startTo }),
    ...(jobId === undefined ? {} : { id: jobId.toLowerCase() }),
    ...(entity === undefined ? {} : { entity }),
  };
}

const lookUp = (conditions: readonly Condition[], name: string) =>
  conditions.find((condition) => condition.property === name)?.value;

const textOf = (conditions: readonly Condition[], name: string) => lookUp(conditions, name) as string | undefined;

const timeOf = (conditions: readonly Condition[], name: string) => lookUp(conditions, name) as number | undefined;
