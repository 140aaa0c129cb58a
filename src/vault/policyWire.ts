import type { JsonObject } from './json.ts';
import type { Tiering } from './policy.ts';

/** `properties` of a policy as ARM's JSON has it. Times are ISO strings of which only the time of day means anything. */
export interface PolicyPropertiesWire {
  readonly backupManagementType: 'AzureIaasVM';
  readonly policyType: 'V1' | 'V2';
  readonly instantRPDetails: JsonObject;
  readonly schedulePolicy: SimpleScheduleWire | SimpleScheduleV2Wire;
  readonly retentionPolicy: LongTermRetentionWire;
  readonly tieringPolicy?: Tiering;
  readonly instantRpRetentionRangeInDays: number;
  readonly timeZone: string;
  readonly protectedItemsCount: number;
  readonly snapshotConsistencyType?: string;
  /** Ours: absent when times keep the zone's standard offset, as Azure's do. */
  readonly strongroom?: { readonly daylightSaving: 'fixedOffset' | 'wallClock' };
}

export interface SimpleScheduleWire {
  readonly schedulePolicyType: 'SimpleSchedulePolicy';
  readonly scheduleRunFrequency: 'Daily' | 'Weekly';
  readonly scheduleRunDays?: readonly string[];
  readonly scheduleRunTimes: readonly string[];
  readonly scheduleWeeklyFrequency: number;
}

export interface SimpleScheduleV2Wire {
  readonly schedulePolicyType: 'SimpleSchedulePolicyV2';
  readonly scheduleRunFrequency: 'Hourly' | 'Daily' | 'Weekly';
  readonly hourlySchedule?: {
    readonly interval: number;
    readonly scheduleWindowStartTime: string;
    readonly scheduleWindowDuration: number;
  };
  readonly dailySchedule?: { readonly scheduleRunTimes: readonly string[] };
  readonly weeklySchedule?: {
    readonly scheduleRunDays: readonly string[];
    readonly scheduleRunTimes: readonly string[];
  };
}

export interface RetentionDurationWire {
  readonly count: number;
  readonly durationType: 'Days' | 'Weeks' | 'Months' | 'Years';
}

export interface LongTermRetentionWire {
  readonly retentionPolicyType: 'LongTermRetentionPolicy';
  readonly dailySchedule?: {
    readonly retentionTimes: readonly string[];
    readonly retentionDuration: RetentionDurationWire;
  };
  readonly weeklySchedule?: {
    readonly daysOfTheWeek: readonly string[];
    readonly retentionTimes: readonly string[];
    readonly retentionDuration: RetentionDurationWire;
  };
  readonly monthlySchedule?: MonthlyRetentionWire;
  readonly yearlySchedule?: MonthlyRetentionWire & { readonly monthsOfYear: readonly string[] };
}

export interface MonthlyRetentionWire {
  readonly retentionScheduleFormatType: 'Daily' | 'Weekly';
  readonly retentionScheduleDaily?: {
    readonly daysOfTheMonth: readonly { readonly date: number; readonly isLast: boolean }[];
  };
  readonly retentionScheduleWeekly?: {
    readonly daysOfTheWeek: readonly string[];
    readonly weeksOfTheMonth: readonly string[];
  };
  readonly retentionTimes: readonly string[];
  readonly retentionDuration: RetentionDurationWire;
}
