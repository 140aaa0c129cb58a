import type { JsonObject } from './json.ts';

export type PolicyType = 'V1' | 'V2';

export const DAYS_OF_WEEK = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;
export type DayOfWeek = (typeof DAYS_OF_WEEK)[number];

export const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
] as const;
export type Month = (typeof MONTHS)[number];

export const WEEKS_OF_MONTH = ['First', 'Second', 'Third', 'Fourth', 'Last'] as const;
export type WeekOfMonth = (typeof WEEKS_OF_MONTH)[number];

/** Local time of day in the policy's zone, 'HH:MM', on the hour or half hour. */
export type TimeOfDay = string;

export interface DailySchedule {
  readonly frequency: 'Daily';
  readonly time: TimeOfDay;
}

export interface WeeklySchedule {
  readonly frequency: 'Weekly';
  readonly days: readonly DayOfWeek[];
  readonly time: TimeOfDay;
}

/** Every `intervalHours` from `windowStart`, for `windowHours`, once a day. V2 only. */
export interface HourlySchedule {
  readonly frequency: 'Hourly';
  readonly intervalHours: number;
  readonly windowStart: TimeOfDay;
  readonly windowHours: number;
}

export type Schedule = DailySchedule | WeeklySchedule | HourlySchedule;

/** Which days of a month count: by number (0 is the last day) or by week and weekday. */
export type MonthDays =
  | { readonly format: 'Daily'; readonly daysOfMonth: readonly number[] }
  | { readonly format: 'Weekly'; readonly days: readonly DayOfWeek[]; readonly weeks: readonly WeekOfMonth[] };

/** How long vaulted points are kept; a point under several rules is kept for the longest. */
export interface Retention {
  readonly daily?: { readonly days: number };
  readonly weekly?: { readonly weeks: number; readonly on: readonly DayOfWeek[] };
  readonly monthly?: { readonly months: number; readonly on: MonthDays };
  readonly yearly?: { readonly years: number; readonly inMonths: readonly Month[]; readonly on: MonthDays };
}

export const TIERING_MODES = ['TierRecommended', 'TierAfter', 'DoNotTier'] as const;

/** `tieringPolicy`: when monthly and yearly points would go to an archive tier. Kept and checked; there is no such tier. */
export interface Tiering {
  readonly ArchivedRP: {
    readonly tieringMode: (typeof TIERING_MODES)[number];
    /** Of TierAfter, months; else 0 and Invalid. */
    readonly duration: number;
    readonly durationType: 'Months' | 'Invalid';
  };
}

/** What a policy says; what the user may change with a PUT. */
export interface PolicyRules {
  /** Fixed when the policy is made. */
  readonly policyType: PolicyType;
  readonly schedule: Schedule;
  /** Windows or IANA id, as it was sent. */
  readonly timeZone: string;
  /**
   * `fixedOffset` (Azure's way): times keep the zone's standard offset the year round.
   * `wallClock` (ours): times follow the clock on the wall through daylight saving.
   */
  readonly daylightSaving: 'fixedOffset' | 'wallClock';
  /** Days a snapshot stays on the host for instant restore. */
  readonly instantRestoreDays: number;
  readonly retention: Retention;
  /** V2 only. */
  readonly snapshotConsistency?: 'OnlyCrashConsistent';
  /** The meaningless date that stood before the times, 'YYYY-MM-DD'; given back as it came. */
  readonly referenceDate: string;
  /** `azureBackupRGNamePrefix` and `azureBackupRGNameSuffix`, those that were asked for. */
  readonly instantRPDetails: JsonObject;
  readonly tieringPolicy?: Tiering;
}

export interface Policy extends PolicyRules {
  /** UUID. */
  readonly id: string;
  readonly vaultId: string;
  readonly name: string;
  /** Grows by one with each change; a running job ends under the version it began with. */
  readonly version: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}
