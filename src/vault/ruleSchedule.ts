import { DAYS_OF_WEEK, type DayOfWeek } from './policy.ts';
import { ianaTimeZone } from './timeZone.ts';

/** When an alert processing rule is in force; wall times of its zone. */
export interface RuleSchedule {
  /** 'YYYY-MM-DDTHH:MM:SS'. */
  readonly effectiveFrom?: string;
  readonly effectiveUntil?: string;
  /** Windows or IANA; UTC when absent. */
  readonly timeZone?: string;
  /** In force while any of them is; always when there are none. */
  readonly recurrences: readonly Recurrence[];
}

/** `startTime`, `endTime`: 'HH:MM:SS'; the whole day when absent. An end before the start lies on the next day. */
export type Recurrence = { readonly startTime?: string; readonly endTime?: string } & (
  | { readonly recurrenceType: 'Daily' }
  | { readonly recurrenceType: 'Weekly'; readonly daysOfWeek: readonly DayOfWeek[] }
  | { readonly recurrenceType: 'Monthly'; readonly daysOfMonth: readonly number[] }
);

export const isOnSchedule = (schedule: RuleSchedule, now: number): boolean => {
  const zone = ianaTimeZone(schedule.timeZone ?? 'UTC') ?? 'UTC';
  const wall = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(zone).toPlainDateTime();
  const { effectiveFrom, effectiveUntil, recurrences } = schedule;
  if (effectiveFrom !== undefined && isBefore(wall, Temporal.PlainDateTime.from(effectiveFrom))) return false;
  if (effectiveUntil !== undefined && !isBefore(wall, Temporal.PlainDateTime.from(effectiveUntil))) return false;
  return recurrences.length === 0 || recurrences.some((one) => isWithin(one, wall));
};

const isBefore = (a: Temporal.PlainDateTime, b: Temporal.PlainDateTime): boolean =>
  Temporal.PlainDateTime.compare(a, b) < 0;

const isWithin = (one: Recurrence, wall: Temporal.PlainDateTime): boolean => {
  const [time, today] = [wall.toPlainTime().toString({ smallestUnit: 'second' }), wall.toPlainDate()];
  const { startTime = '00:00:00', endTime = '24:00:00' } = one;
  if (startTime < endTime) return falls(one, today) && startTime <= time && time < endTime;
  const yesterday = today.subtract({ days: 1 });
  return (falls(one, today) && startTime <= time) || (falls(one, yesterday) && time < endTime);
};

const falls = (one: Recurrence, day: Temporal.PlainDate): boolean => {
  if (one.recurrenceType === 'Daily') return true;
  if (one.recurrenceType === 'Monthly') return one.daysOfMonth.includes(day.day);
  return one.daysOfWeek.includes(DAYS_OF_WEEK[day.dayOfWeek % 7] as DayOfWeek);
};
