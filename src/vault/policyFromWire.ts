import { CodedError, type ErrorCode, type ErrorDetail } from '../lib/error.ts';
import { instantRestoreNames } from './instantRestoreNames.ts';
import type { PolicyRules, Schedule } from './policy.ts';
import { PolicyFields } from './policyFields.ts';
import { retentionFromWire } from './retentionFromWire.ts';
import { scheduleFromWire } from './scheduleFromWire.ts';
import { tieringFromWire } from './tieringPolicy.ts';
import { policyFaults } from './validatePolicy.ts';

const AZURE_TEXT =
  'Input for create or update policy is not in proper format. Please check format of parameters like schedule time, schedule days, retention time and retention days';

/**
 * Reads and checks the `properties` of a policy.
 * Errors: BMSUserErrorInvalidPolicyInput with a detail for each fault there is (target: the field; message: its rule
 * and legal values); when all faults are of one more special code, that code. NotImplemented for other workloads.
 */
export const policyFromWire = (properties: unknown): PolicyRules => {
  const fields = new PolicyFields();
  const wire = fields.object(properties, 'properties') ?? {};
  requireMachines(wire.backupManagementType);
  fields.word(wire.backupManagementType, 'backupManagementType', ['AzureIaasVM']);
  const read = scheduleFromWire(fields, wire.schedulePolicy);
  const policyType = typeOf(fields, wire.policyType, read?.policyType);
  const retention = retentionFromWire(fields, wire.retentionPolicy, read?.sent.time);
  const ours = fields.optionalObject(wire.strongroom, 'strongroom');
  const tiering = tieringFromWire(fields, wire.tieringPolicy);
  const consistency = isGiven(wire.snapshotConsistencyType)
    ? fields.word(wire.snapshotConsistencyType, 'snapshotConsistencyType', ['OnlyCrashConsistent'])
    : undefined;
  const rules: Partial<PolicyRules> = {
    ...(policyType && { policyType }),
    ...(read && { schedule: read.schedule, referenceDate: read.sent.date }),
    ...(retention && { retention }),
    timeZone: timeZone(fields, wire.timeZone),
    daylightSaving: isGiven(ours?.daylightSaving)
      ? (fields.word(ours.daylightSaving, 'strongroom.daylightSaving', ['fixedOffset', 'wallClock']) ?? 'fixedOffset')
      : 'fixedOffset',
    ...instantDays(fields, wire.instantRpRetentionRangeInDays, policyType, read?.schedule),
    ...(consistency && { snapshotConsistency: consistency }),
    instantRPDetails: instantRestoreNames(fields, wire.instantRPDetails),
    ...(tiering && { tieringPolicy: tiering }),
  };
  throwFaults([...fields.faults, ...policyFaults(rules)]);
  return rules as PolicyRules;
};

/** What Azure has policies for, beside machines. Errors: NotImplemented. */
const requireMachines = (value: unknown): void => {
  const other = OTHER_WORKLOADS.find((one) => typeof value === 'string' && one.toLowerCase() === value.toLowerCase());
  if (other === undefined) return;
  throw new CodedError(
    'NotImplemented',
    `Policies of ${other} are not served: backupManagementType must be AzureIaasVM, as this vault protects virtual machines.`,
    {
      target: 'backupManagementType',
      recommendations: ['Protect the virtual machine that the workload runs on, under a policy of AzureIaasVM.'],
    },
  );
};

const OTHER_WORKLOADS = [
  'AzureStorage',
  'AzureWorkload',
  'AzureSql',
  'MAB',
  'DPM',
  'AzureBackupServer',
  'DefaultBackup',
  'GenericProtectionPolicy',
];

/** Errors: as `policyFromWire`; none when the list is empty. */
export const throwFaults = (faults: readonly ErrorDetail[]): void => {
  const [first] = faults;
  if (first === undefined) return;
  const isOfOneCode = faults.every((fault) => fault.code === first.code);
  throw new CodedError(isOfOneCode ? (first.code as ErrorCode) : 'BMSUserErrorInvalidPolicyInput', AZURE_TEXT, {
    ...(first.target !== undefined && { target: first.target }),
    details: faults,
    recommendations: faults.map((fault) => fault.message),
  });
};

const typeOf = (
  fields: PolicyFields,
  value: unknown,
  scheduled: PolicyRules['policyType'] | undefined,
): PolicyRules['policyType'] | undefined => {
  if (!isGiven(value)) return scheduled;
  const policyType = fields.word(value, 'policyType', ['V1', 'V2']);
  if (policyType === undefined || scheduled === undefined || policyType === scheduled) return policyType;
  const wanted = policyType === 'V1' ? 'SimpleSchedulePolicy' : 'SimpleSchedulePolicyV2';
  const target = 'schedulePolicy.schedulePolicyType';
  return fields.fault(target, `is for type ${scheduled}; it must be ${wanted} in a policy of type ${policyType}.`);
};

const timeZone = (fields: PolicyFields, value: unknown): string => {
  if (!isGiven(value)) return 'UTC';
  if (typeof value === 'string') return value;
  fields.fault(
    'timeZone',
    `is ${JSON.stringify(value).slice(0, 60)}; it must be the id of a Windows or IANA time zone, like UTC or Europe/Berlin.`,
  );
  return 'UTC';
};

const instantDays = (
  fields: PolicyFields,
  value: unknown,
  policyType: PolicyRules['policyType'] | undefined,
  schedule: Schedule | undefined,
): { instantRestoreDays?: number } => {
  const days = isGiven(value)
    ? fields.wholeNumber(value, 'instantRpRetentionRangeInDays')
    : defaultInstantDays(policyType, schedule);
  return days === undefined ? {} : { instantRestoreDays: days };
};

const defaultInstantDays = (
  policyType: PolicyRules['policyType'] | undefined,
  schedule: Schedule | undefined,
): number => {
  if (policyType === 'V2') return 7;
  return schedule?.frequency === 'Weekly' ? 5 : 2;
};

/** Null and '' count as absent: clients send them for what they leave out. */
const isGiven = <T>(value: T): value is NonNullable<T> => value !== undefined && value !== null && value !== '';
