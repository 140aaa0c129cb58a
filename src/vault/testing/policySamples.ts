export const NOW = Date.parse('2022-05-13T04:05:06Z');
export const TIME = '2022-05-13T20:00:00Z';
export const at = (count: number, durationType: string) => ({
  retentionTimes: [TIME],
  retentionDuration: { count, durationType },
});

export const daily = {
  backupManagementType: 'AzureIaasVM',
  policyType: 'V1',
  instantRPDetails: {},
  schedulePolicy: {
    schedulePolicyType: 'SimpleSchedulePolicy',
    scheduleRunFrequency: 'Daily',
    scheduleRunTimes: [TIME],
    scheduleWeeklyFrequency: 0,
  },
  retentionPolicy: { retentionPolicyType: 'LongTermRetentionPolicy', dailySchedule: at(30, 'Days') },
  instantRpRetentionRangeInDays: 2,
  timeZone: 'UTC',
  protectedItemsCount: 0,
};

export const weekly = {
  ...daily,
  schedulePolicy: { ...daily.schedulePolicy, scheduleRunFrequency: 'Weekly', scheduleRunDays: ['Sunday', 'Wednesday'] },
  retentionPolicy: {
    retentionPolicyType: 'LongTermRetentionPolicy',
    weeklySchedule: { daysOfTheWeek: ['Sunday', 'Wednesday'], ...at(12, 'Weeks') },
  },
  instantRpRetentionRangeInDays: 5,
};

export const hourly = {
  ...daily,
  policyType: 'V2',
  schedulePolicy: {
    schedulePolicyType: 'SimpleSchedulePolicyV2',
    scheduleRunFrequency: 'Hourly',
    hourlySchedule: { interval: 4, scheduleWindowStartTime: TIME, scheduleWindowDuration: 16 },
  },
  timeZone: 'India Standard Time',
};

export const everyRule = {
  ...daily.retentionPolicy,
  weeklySchedule: { daysOfTheWeek: ['Sunday'], ...at(12, 'Weeks') },
  monthlySchedule: {
    retentionScheduleFormatType: 'Weekly',
    retentionScheduleWeekly: { daysOfTheWeek: ['Sunday'], weeksOfTheMonth: ['First'] },
    ...at(60, 'Months'),
  },
  yearlySchedule: {
    retentionScheduleFormatType: 'Daily',
    retentionScheduleDaily: {
      daysOfTheMonth: [
        { date: 1, isLast: false },
        { date: 0, isLast: true },
      ],
    },
    ...at(10, 'Years'),
    monthsOfYear: ['January'],
  },
};
