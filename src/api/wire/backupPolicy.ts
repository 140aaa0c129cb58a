import type { IsoTime, Resource } from './resource.ts';

export type BackupPolicy = Resource<'Microsoft.RecoveryServices/vaults/backupPolicies', BackupPolicyProperties>;

/** Body of PUT: `id`, `name` and `type` are read from the URL when they are left out. */
export interface BackupPolicyRequest {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly type?: string | undefined;
  readonly properties: BackupPolicyProperties;
}

export interface BackupPolicyProperties {
  readonly backupManagementType: 'AzureIaasVM';
  /** V1 goes with SimpleSchedulePolicy, V2 with SimpleSchedulePolicyV2; never changes. */
  readonly policyType?: 'V1' | 'V2' | undefined;
  readonly instantRPDetails?: InstantRpDetails | undefined;
  readonly schedulePolicy: SchedulePolicy;
  readonly retentionPolicy: RetentionPolicy;
  readonly tieringPolicy?: Readonly<Record<string, TieringPolicy>> | undefined;
  readonly instantRpRetentionRangeInDays?: number | undefined;
  /** A Windows time zone id, as 'W. Europe Standard Time'. */
  readonly timeZone?: string | undefined;
  /** Read only; always a number in answers. */
  readonly protectedItemsCount?: number | undefined;
  readonly snapshotConsistencyType?: 'OnlyCrashConsistent' | undefined;
  readonly resourceGuardOperationRequests?: readonly string[] | undefined;
}

export interface InstantRpDetails {
  readonly azureBackupRGNamePrefix?: string | undefined;
  readonly azureBackupRGNameSuffix?: string | undefined;
}

export interface TieringPolicy {
  readonly tieringMode?: 'Invalid' | 'TierRecommended' | 'TierAfter' | 'DoNotTier' | undefined;
  readonly duration?: number | undefined;
  readonly durationType?: RetentionDurationType | 'Invalid' | undefined;
}

export type SchedulePolicy = SimpleSchedulePolicy | SimpleSchedulePolicyV2;

export interface SimpleSchedulePolicy {
  readonly schedulePolicyType: 'SimpleSchedulePolicy';
  readonly scheduleRunFrequency: 'Daily' | 'Weekly';
  readonly scheduleRunDays?: readonly DayOfWeek[] | undefined;
  /** Only the time of day counts. */
  readonly scheduleRunTimes: readonly IsoTime[];
  readonly scheduleWeeklyFrequency?: number | undefined;
}

export interface SimpleSchedulePolicyV2 {
  readonly schedulePolicyType: 'SimpleSchedulePolicyV2';
  readonly scheduleRunFrequency: 'Hourly' | 'Daily' | 'Weekly';
  readonly hourlySchedule?: HourlySchedule | undefined;
  readonly dailySchedule?: { readonly scheduleRunTimes: readonly IsoTime[] } | undefined;
  readonly weeklySchedule?: WeeklySchedule | undefined;
}

/** Hours: `interval` between backups, `scheduleWindowDuration` from the first to the last. */
export interface HourlySchedule {
  readonly interval: number;
  readonly scheduleWindowStartTime: IsoTime;
  readonly scheduleWindowDuration: number;
}

export interface WeeklySchedule {
  readonly scheduleRunDays: readonly DayOfWeek[];
  readonly scheduleRunTimes: readonly IsoTime[];
}

export interface RetentionPolicy {
  readonly retentionPolicyType: 'LongTermRetentionPolicy';
  readonly dailySchedule?: DailyRetention | undefined;
  readonly weeklySchedule?: WeeklyRetention | undefined;
  readonly monthlySchedule?: MonthlyRetention | undefined;
  readonly yearlySchedule?: YearlyRetention | undefined;
}

export interface DailyRetention {
  readonly retentionTimes: readonly IsoTime[];
  readonly retentionDuration: RetentionDuration;
}

export interface WeeklyRetention extends DailyRetention {
  readonly daysOfTheWeek: readonly DayOfWeek[];
}

/** `Daily` names days of the month (absolute), `Weekly` weekdays of its weeks (relative). */
export interface MonthlyRetention extends DailyRetention {
  readonly retentionScheduleFormatType: 'Daily' | 'Weekly';
  readonly retentionScheduleDaily?: { readonly daysOfTheMonth: readonly DayOfMonth[] } | null | undefined;
  readonly retentionScheduleWeekly?: RelativeDays | null | undefined;
}

export interface YearlyRetention extends MonthlyRetention {
  readonly monthsOfYear: readonly Month[];
}

/** A date of 1 to 28, or 0 with `isLast` for the last day of the month. */
export interface DayOfMonth {
  readonly date: number;
  readonly isLast: boolean;
}

export interface RelativeDays {
  readonly daysOfTheWeek: readonly DayOfWeek[];
  readonly weeksOfTheMonth: readonly WeekOfMonth[];
}

export interface RetentionDuration {
  readonly count: number;
  readonly durationType: RetentionDurationType;
}

export type RetentionDurationType = 'Days' | 'Weeks' | 'Months' | 'Years';
export type DayOfWeek = 'Sunday' | 'Monday' | 'Tuesday' | 'Wednesday' | 'Thursday' | 'Friday' | 'Saturday';
export type WeekOfMonth = 'First' | 'Second' | 'Third' | 'Fourth' | 'Last';
export type Month =
  | 'January'
  | 'February'
  | 'March'
  | 'April'
  | 'May'
  | 'June'
  | 'July'
  | 'August'
  | 'September'
  | 'October'
  | 'November'
  | 'December';
