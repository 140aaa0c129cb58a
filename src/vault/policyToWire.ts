import type { MonthDays, PolicyRules, Retention, Schedule } from './policy.ts';
import type {
  LongTermRetentionWire,
  MonthlyRetentionWire,
  PolicyPropertiesWire,
  RetentionDurationWire,
  SimpleScheduleV2Wire,
  SimpleScheduleWire,
} from './policyWire.ts';

/** `properties` as ARM's JSON has them. */
export const policyToWire = (rules: PolicyRules, protectedItemsCount: number): PolicyPropertiesWire => {
  const time = `${rules.referenceDate}T${startOf(rules.schedule)}:00Z`;
  return {
    backupManagementType: 'AzureIaasVM',
    policyType: rules.policyType,
    instantRPDetails: rules.instantRPDetails,
    schedulePolicy: rules.policyType === 'V1' ? scheduleV1(rules.schedule, time) : scheduleV2(rules.schedule, time),
    retentionPolicy: retention(rules.retention, time),
    ...(rules.tieringPolicy && { tieringPolicy: rules.tieringPolicy }),
    instantRpRetentionRangeInDays: rules.instantRestoreDays,
    timeZone: rules.timeZone,
    ...(rules.snapshotConsistency && { snapshotConsistencyType: rules.snapshotConsistency }),
    protectedItemsCount,
    ...(rules.daylightSaving === 'wallClock' && { strongroom: { daylightSaving: 'wallClock' as const } }),
  };
};

const startOf = (schedule: Schedule): string =>
  schedule.frequency === 'Hourly' ? schedule.windowStart : schedule.time;

const scheduleV1 = (schedule: Schedule, time: string): SimpleScheduleWire => ({
  schedulePolicyType: 'SimpleSchedulePolicy',
  scheduleRunFrequency: schedule.frequency === 'Weekly' ? 'Weekly' : 'Daily',
  ...(schedule.frequency === 'Weekly' && { scheduleRunDays: schedule.days }),
  scheduleRunTimes: [time],
  scheduleWeeklyFrequency: 0,
});

const scheduleV2 = (schedule: Schedule, time: string): SimpleScheduleV2Wire => ({
  schedulePolicyType: 'SimpleSchedulePolicyV2',
  scheduleRunFrequency: schedule.frequency,
  ...(schedule.frequency === 'Hourly' && {
    hourlySchedule: {
      interval: schedule.intervalHours,
      scheduleWindowStartTime: time,
      scheduleWindowDuration: schedule.windowHours,
    },
  }),
  ...(schedule.frequency === 'Daily' && { dailySchedule: { scheduleRunTimes: [time] } }),
  ...(schedule.frequency === 'Weekly' && {
    weeklySchedule: { scheduleRunDays: schedule.days, scheduleRunTimes: [time] },
  }),
});

const retention = ({ daily, weekly, monthly, yearly }: Retention, time: string): LongTermRetentionWire => ({
  retentionPolicyType: 'LongTermRetentionPolicy',
  ...(daily && { dailySchedule: { retentionTimes: [time], retentionDuration: duration(daily.days, 'Days') } }),
  ...(weekly && {
    weeklySchedule: {
      daysOfTheWeek: weekly.on,
      retentionTimes: [time],
      retentionDuration: duration(weekly.weeks, 'Weeks'),
    },
  }),
  ...(monthly && { monthlySchedule: monthDays(monthly.on, time, duration(monthly.months, 'Months')) }),
  ...(yearly && {
    yearlySchedule: { ...monthDays(yearly.on, time, duration(yearly.years, 'Years')), monthsOfYear: yearly.inMonths },
  }),
});

const monthDays = (on: MonthDays, time: string, retentionDuration: RetentionDurationWire): MonthlyRetentionWire => ({
  retentionScheduleFormatType: on.format,
  ...(on.format === 'Daily' && {
    retentionScheduleDaily: { daysOfTheMonth: on.daysOfMonth.map((date) => ({ date, isLast: date === 0 })) },
  }),
  ...(on.format === 'Weekly' && {
    retentionScheduleWeekly: { daysOfTheWeek: on.days, weeksOfTheMonth: on.weeks },
  }),
  retentionTimes: [time],
  retentionDuration,
});

const duration = (count: number, durationType: RetentionDurationWire['durationType']): RetentionDurationWire => ({
  count,
  durationType,
});
