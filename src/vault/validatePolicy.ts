import type { ErrorDetail } from '../lib/error.ts';
import type { HourlySchedule, MonthDays, PolicyRules, PolicyType, Retention, Schedule } from './policy.ts';
import { PolicyFields } from './policyFields.ts';
import { checkTiering } from './tieringPolicy.ts';
import { ianaTimeZone } from './timeZone.ts';

const INTERVAL_HOURS = [4, 6, 8, 12, 24];
const MOST_DAYS = 9_999;
const MOST_WEEKS = 5_163;
const MOST_MONTHS = 1_188;
const MOST_YEARS = 99;
const INSTANT = 'instantRpRetentionRangeInDays';

/** Every rule the policy breaks: target is the wire field, message the rule and the legal values. */
export const validatePolicy = (rules: PolicyRules): readonly ErrorDetail[] => policyFaults(rules);

/** As `validatePolicy`, of a policy parts of which could not be read: their rules are left out. */
export const policyFaults = (rules: Partial<PolicyRules>): readonly ErrorDetail[] => {
  const fields = new PolicyFields();
  const { policyType, schedule, retention, instantRestoreDays } = rules;
  if (rules.timeZone !== undefined && ianaTimeZone(rules.timeZone) === undefined) {
    fields.fault(
      'timeZone',
      `is '${rules.timeZone.slice(0, 60)}'; it must be the id of a Windows or IANA time zone, like UTC, India Standard Time or Europe/Berlin.`,
    );
  }
  if (rules.snapshotConsistency !== undefined && policyType === 'V1') {
    fields.fault(
      'snapshotConsistencyType',
      `is ${rules.snapshotConsistency}; it is only legal in a policy of type V2.`,
    );
  }
  if (schedule?.frequency === 'Hourly') checkHourly(fields, schedule, policyType);
  if (retention) checkRetention(fields, retention);
  if (retention && rules.tieringPolicy) checkTiering(fields, rules.tieringPolicy, retention);
  if (schedule && retention) checkTogether(fields, schedule, retention);
  if (policyType && schedule && instantRestoreDays !== undefined) {
    checkInstant(fields, policyType, schedule, instantRestoreDays, retention);
  }
  return fields.faults;
};

const checkHourly = (fields: PolicyFields, schedule: HourlySchedule, policyType: PolicyType | undefined): void => {
  const { intervalHours, windowHours } = schedule;
  const target = 'schedulePolicy.hourlySchedule';
  if (policyType === 'V1')
    fields.fault('schedulePolicy.scheduleRunFrequency', 'is Hourly; that is only legal in a policy of type V2.');
  if (!INTERVAL_HOURS.includes(intervalHours)) {
    fields.fault(`${target}.interval`, `is ${intervalHours}; it must be one of ${INTERVAL_HOURS.join(', ')} hours.`);
  }
  if (windowHours < 4 || windowHours > 24 || windowHours % intervalHours !== 0) {
    fields.fault(
      `${target}.scheduleWindowDuration`,
      `is ${windowHours}; it must be a multiple of the interval, ${intervalHours}, from 4 to 24 hours.`,
    );
  }
};

const checkRetention = (fields: PolicyFields, retention: Retention): void => {
  const { daily, weekly, monthly, yearly } = retention;
  if (daily && daily.days !== 1) checkCount(fields, 'dailySchedule', daily.days, 7, MOST_DAYS, '1 or 7 to 9999 days');
  if (weekly) checkCount(fields, 'weeklySchedule', weekly.weeks, 1, MOST_WEEKS, '1 to 5163 weeks');
  if (monthly) {
    checkCount(fields, 'monthlySchedule', monthly.months, 1, MOST_MONTHS, '1 to 1188 months');
    checkMonthDays(fields, 'monthlySchedule', monthly.on);
  }
  if (yearly) {
    checkCount(fields, 'yearlySchedule', yearly.years, 1, MOST_YEARS, '1 to 99 years');
    checkMonthDays(fields, 'yearlySchedule', yearly.on);
  }
};

const checkCount = (
  fields: PolicyFields,
  name: string,
  count: number,
  least: number,
  most: number,
  legal: string,
): void => {
  if (count >= least && count <= most) return;
  const target = `retentionPolicy.${name}.retentionDuration.count`;
  fields.fault(target, `is ${count}; it must be ${legal}.`, 'BMSUserErrorPolicyRetentionInvalid');
};

const checkMonthDays = (fields: PolicyFields, name: string, on: MonthDays): void => {
  if (on.format !== 'Daily') return;
  const wrong = on.daysOfMonth.filter((day) => day < 0 || day > 28);
  if (wrong.length === 0) return;
  const target = `retentionPolicy.${name}.retentionScheduleDaily.daysOfTheMonth`;
  fields.fault(target, `has ${wrong.join(', ')}; days must be 1 to 28, or {date: 0, isLast: true} for the last one.`);
};

const checkTogether = (fields: PolicyFields, schedule: Schedule, retention: Retention): void => {
  const { daily, weekly } = retention;
  if (schedule.frequency !== 'Weekly') {
    if (!daily)
      fields.fault('retentionPolicy.dailySchedule', `is required with a schedule that runs ${schedule.frequency}.`);
    return;
  }
  const days = schedule.days.join(', ');
  if (daily)
    fields.fault(
      'retentionPolicy.dailySchedule',
      `keeps ${daily.days} days; it must be absent with a Weekly schedule: no point is taken each day.`,
    );
  if (!weekly) {
    fields.fault('retentionPolicy.weeklySchedule', 'is required with a Weekly schedule.');
  } else if (weekly.on.length !== schedule.days.length || weekly.on.some((day) => !schedule.days.includes(day))) {
    fields.fault(
      'retentionPolicy.weeklySchedule.daysOfTheWeek',
      `is ${weekly.on.join(', ')}; it must be the days of the schedule: ${days}.`,
    );
  }
  for (const [name, rule] of [
    ['monthlySchedule', retention.monthly],
    ['yearlySchedule', retention.yearly],
  ] as const) {
    const target = `retentionPolicy.${name}`;
    if (rule?.on.format === 'Daily') {
      fields.fault(
        `${target}.retentionScheduleFormatType`,
        'is Daily; it must be Weekly with a Weekly schedule: other days have no point.',
      );
    } else if (rule?.on.days.some((day) => !schedule.days.includes(day))) {
      fields.fault(
        `${target}.retentionScheduleWeekly.daysOfTheWeek`,
        `is ${rule.on.days.join(', ')}; all must be among the days of the schedule: ${days}.`,
      );
    }
  }
};

const checkInstant = (
  fields: PolicyFields,
  policyType: PolicyType,
  schedule: Schedule,
  days: number,
  retention: Retention | undefined,
): void => {
  const [least, most] = instantRange(policyType, schedule);
  const kind = schedule.frequency === 'Hourly' ? `every ${schedule.intervalHours} hours` : schedule.frequency;
  if (days < least || days > most) {
    const legal = least === most ? `${least}` : `${least} to ${most}`;
    fields.fault(INSTANT, `is ${days}; it must be ${legal} days in a policy of type ${policyType} that runs ${kind}.`);
  }
  const kept = retention?.daily?.days;
  // Kept for one day, nothing could be smaller: then equal is legal.
  if (kept !== undefined && days >= kept && !(kept === 1 && days === 1)) {
    fields.fault(
      INSTANT,
      `is ${days}; it must be less than the days of daily retention, ${kept}.`,
      'BMSUserErrorInstantRPRetentionExceedsVaultedRetention',
    );
  }
};

const instantRange = (policyType: PolicyType, schedule: Schedule): readonly [least: number, most: number] => {
  if (policyType === 'V1') return schedule.frequency === 'Weekly' ? [5, 5] : [1, 5];
  if (schedule.frequency === 'Weekly') return [5, 30];
  if (schedule.frequency === 'Hourly' && schedule.intervalHours === 4) return [1, 17];
  if (schedule.frequency === 'Hourly' && schedule.intervalHours === 6) return [1, 22];
  return [1, 30];
};
