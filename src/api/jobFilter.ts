import { type Condition, conditionsOf, type Filter, type FilterProperties } from '../arm/filter.ts';
import type { JobFilter } from '../db/jobList.ts';
import { CodedError } from '../lib/error.ts';
import { ARM_JOB_OPERATIONS, JOB_STATUSES } from '../vault/job.ts';

export const JOB_FILTER: FilterProperties = {
  backupManagementType: 'string',
  operation: 'string',
  status: 'string',
  startTime: 'dateTime',
  endTime: 'dateTime',
  jobId: 'string',
};

/** What a job list is asked for: the database's filter, and one job's name. */
export interface JobQuery {
  readonly filter: Omit<JobFilter, 'vaultId'>;
  readonly jobId?: string;
}

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
  const status = legal('status', textOf(conditions, 'status'), JOB_STATUSES);
  const operation = legal('operation', textOf(conditions, 'operation'), ARM_JOB_OPERATIONS);
  const jobId = textOf(conditions, 'jobId');
  return {
    filter: {
      // Housekeeping jobs have no word in Azure's API and stay out of its lists.
      operations: operation === undefined ? ARM_JOB_OPERATIONS : [operation],
      ...(status === undefined ? {} : { statuses: [status] }),
      ...(startFrom === undefined ? {} : { startFrom }),
      ...(startTo === undefined ? {} : { startTo }),
    },
    ...(jobId === undefined ? {} : { jobId }),
  };
}

const lookUp = (conditions: readonly Condition[], name: string) =>
  conditions.find((condition) => condition.property === name)?.value;

const textOf = (conditions: readonly Condition[], name: string) => lookUp(conditions, name) as string | undefined;

const timeOf = (conditions: readonly Condition[], name: string) => lookUp(conditions, name) as number | undefined;

function legal<T extends string>(name: string, value: string | undefined, values: readonly T[]): T | undefined {
  if (value === undefined) return undefined;
  const found = values.find((other) => other.toLowerCase() === value.toLowerCase());
  if (found !== undefined) return found;
  throw new CodedError(
    'InvalidFilter',
    `${name} is '${value}'; legal are ${values.map((other) => `'${other}'`).join(', ')}.`,
    {
      target: '$filter',
    },
  );
}
