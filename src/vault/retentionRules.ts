import { DAY_MS } from '../lib/clock.ts';
import { DAYS_OF_WEEK, MONTHS, type MonthDays, type PolicyRules, type Retention } from './policy.ts';
import type { RecoveryPoint, VaultTier } from './recoveryPoint.ts';

export type RetentionRule = 'daily' | 'weekly' | 'monthly' | 'yearly' | 'on-demand';

/** What the rules look at in a point. */
export type JudgedPoint = Pick<RecoveryPoint, 'id' | 'takenAt' | 'occurrenceKey' | 'retainUntil'> & {
  readonly vaulted?: Pick<VaultTier, 'cseq'>;
};

export type RetentionPolicy = Pick<PolicyRules, 'retention' | 'instantRestoreDays'>;

/** Days an on-demand point is kept when nobody said how long. */
export const ON_DEMAND_DAYS = 30;

/**
 * The points that stand for their day under the weekly, monthly and yearly rules: of each scheduled day the first
 * that reached the vault. Takes vaulted points in any order.
 */
export const retainedDays = (vaulted: readonly JudgedPoint[]): ReadonlySet<string> => {
  const first = new Map<string, JudgedPoint>();
  for (const point of vaulted) {
    if (point.occurrenceKey === undefined) continue;
    const day = point.occurrenceKey.slice(0, 10);
    const other = first.get(day);
    if (other === undefined || isEarlier(point, other)) first.set(day, point);
  }
  return new Set([...first.values()].map((point) => point.id));
};

/**
 * When each rule lets the point go, ms. A point belongs to the local day it was scheduled for, however late it ran;
 * months and years are counted on the UTC calendar, from the moment it was taken. An on-demand point has its own end.
 */
export const expiriesByRule = (
  point: JudgedPoint,
  retention: Retention,
  counted: ReadonlySet<string>,
): ReadonlyMap<RetentionRule, number> => {
  const { takenAt, occurrenceKey, retainUntil } = point;
  if (occurrenceKey === undefined) return new Map([['on-demand', retainUntil ?? takenAt + ON_DEMAND_DAYS * DAY_MS]]);
  const expiries = new Map<RetentionRule, number>();
  const { daily, weekly, monthly, yearly } = retention;
  if (retainUntil !== undefined) expiries.set('on-demand', retainUntil);
  if (daily) expiries.set('daily', takenAt + daily.days * DAY_MS);
  if (!counted.has(point.id)) return expiries;
  const day = occurrenceKey.slice(0, 10);
  if (weekly?.on.includes(weekday(day))) expiries.set('weekly', takenAt + weekly.weeks * 7 * DAY_MS);
  if (monthly && isCounted(day, monthly.on)) expiries.set('monthly', addCalendar(takenAt, { months: monthly.months }));
  if (yearly?.inMonths.includes(MONTHS[Number(day.slice(5, 7)) - 1]!) && isCounted(day, yearly.on)) {
    expiries.set('yearly', addCalendar(takenAt, { years: yearly.years }));
  }
  return expiries;
};

/** Whether a local date is one of the days that count in its month. */
export const isCounted = (day: string, on: MonthDays): boolean => {
  const date = new Date(day);
  const dayOfMonth = date.getUTCDate();
  const daysInMonth = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  if (on.format === 'Daily') {
    return on.daysOfMonth.includes(dayOfMonth) || (on.daysOfMonth.includes(0) && dayOfMonth === daysInMonth);
  }
  if (!on.days.includes(weekday(day))) return false;
  const week = (['First', 'Second', 'Third', 'Fourth'] as const)[Math.ceil(dayOfMonth / 7) - 1];
  return (week !== undefined && on.weeks.includes(week)) || (on.weeks.includes('Last') && dayOfMonth + 7 > daysInMonth);
};

const weekday = (day: string) => DAYS_OF_WEEK[new Date(day).getUTCDay()]!;

/** On the UTC calendar, ms; the 31st plus one month is the month's last day. */
export const addCalendar = (at: number, duration: { months: number } | { years: number }): number =>
  Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO('UTC').add(duration).epochMilliseconds;

const isEarlier = (a: JudgedPoint, b: JudgedPoint): boolean =>
  a.takenAt < b.takenAt || (a.takenAt === b.takenAt && (a.vaulted?.cseq ?? 0) < (b.vaulted?.cseq ?? 0));
