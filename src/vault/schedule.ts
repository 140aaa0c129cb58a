import { DAY_MS, HOUR_MS } from '../lib/clock.ts';
import type { HourlySchedule, PolicyRules, TimeOfDay } from './policy.ts';
import { DAYS_OF_WEEK } from './policy.ts';
import { ianaTimeZone, standardOffsetMs, wallTimeToInstant } from './timeZone.ts';

/** A moment at which a policy wants a backup. */
export interface Occurrence {
  /** `{day}/{HH:MM}` in local time: the same whatever the policy or the time-zone data; unique for an item. */
  readonly key: string;
  /** ms since epoch. */
  readonly at: number;
  /** Local date the occurrence belongs to, 'YYYY-MM-DD'; of an hourly window, the date the window began. */
  readonly day: string;
  /** Of an hourly window, only the last one is meant for the vault. */
  readonly isLastOfDay: boolean;
}

export type SchedulePolicy = Pick<PolicyRules, 'schedule' | 'timeZone' | 'daylightSaving'>;

export interface DueRuns {
  /** The occurrence to run now: the newest that is due. */
  readonly run?: Occurrence;
  /** Older ones that were never run (the service was down): recorded, not run. */
  readonly missed: readonly Occurrence[];
}

/** No local date is further than this from the UTC date, an hourly window included. */
const MARGIN_MS = 2 * DAY_MS;
const NEXT_RUNS_STEP_MS = 8 * DAY_MS;

/**
 * Occurrences with `after` < at ≤ `until`, in order. With daylight saving followed, a time that does not exist gives
 * the next instant that does, one that comes twice its first; each occurrence comes exactly once.
 */
export const occurrencesBetween = (policy: SchedulePolicy, after: number, until: number): readonly Occurrence[] =>
  laidOut(after, until, (day) => occurrencesOfDay(policy, day));

/** As `occurrencesBetween`, only those that go to the vault while all goes well: the last of each day. */
export const vaultedOccurrences = (policy: SchedulePolicy, after: number, until: number): readonly Occurrence[] =>
  laidOut(after, until, (day) => occurrencesOfDay(policy, day, true));

/** The local date of an instant, by the clock of the policy. */
export const localDay = ({ timeZone, daylightSaving }: Omit<SchedulePolicy, 'schedule'>, at: number): string => {
  const iana = ianaTimeZone(timeZone) ?? 'UTC';
  if (daylightSaving === 'fixedOffset') return isoDay(at + standardOffsetMs(iana, new Date(at).getUTCFullYear()));
  return Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(iana).toPlainDate().toString();
};

const laidOut = (
  after: number,
  until: number,
  ofDay: (day: number) => readonly Occurrence[],
): readonly Occurrence[] => {
  const found: Occurrence[] = [];
  const last = utcDay(until + MARGIN_MS);
  for (let day = utcDay(after - MARGIN_MS); day <= last; day += DAY_MS) {
    for (const occurrence of ofDay(day)) {
      // Where a zone leaps a whole day, several times on the wall fall on one instant: the last one stands for all.
      if (found.at(-1)?.at === occurrence.at) found.pop();
      found.push(occurrence);
    }
  }
  return found.filter(({ at }) => at > after && at <= until);
};

/** The next `count` occurrences after an instant. */
export const nextRuns = (policy: SchedulePolicy, after: number, count: number): readonly Occurrence[] => {
  const found: Occurrence[] = [];
  for (let from = after; found.length < count; from += NEXT_RUNS_STEP_MS) {
    const some = occurrencesBetween(policy, from, from + NEXT_RUNS_STEP_MS);
    if (some.length === 0) break; // every legal schedule runs within a week
    found.push(...some);
  }
  return found.slice(0, count);
};

/** What is due since `after` (the schedule cursor): one run, however many were missed. */
export const dueRuns = (policy: SchedulePolicy, after: number, now: number): DueRuns => {
  const due = occurrencesBetween(policy, after, now);
  const run = due.at(-1);
  return run === undefined ? { missed: [] } : { run, missed: due.slice(0, -1) };
};

/**
 * Whether the backup of this occurrence goes on to the vault. Of an hourly policy only the day's last one does,
 * or the first after a day whose last one did not get there. `newestVaultedDay` is the `day` of the item's newest
 * vaulted scheduled point, absent when nothing is in the vault yet.
 */
export const goesToVault = (
  policy: SchedulePolicy,
  occurrence: Occurrence,
  newestVaultedDay: string | undefined,
): boolean => {
  if (policy.schedule.frequency !== 'Hourly' || occurrence.isLastOfDay || newestVaultedDay === undefined) return true;
  return newestVaultedDay < isoDay(Date.parse(occurrence.day) - DAY_MS);
};

/** The day in an occurrence's key. */
export const occurrenceDay = (key: string): string => key.slice(0, 10);

/** Hours after the window's start at which an hourly policy runs; the window's end counts, unless it is the next start. */
export const hourlySlots = ({ intervalHours, windowHours }: HourlySchedule): readonly number[] => {
  const slots: number[] = [];
  for (let hours = 0; hours <= windowHours && hours < 24; hours += intervalHours) slots.push(hours);
  return slots;
};

/** `day` is the local date as ms of its midnight UTC. */
const occurrencesOfDay = (policy: SchedulePolicy, day: number, onlyLast = false): readonly Occurrence[] => {
  const { schedule } = policy;
  if (schedule.frequency === 'Weekly' && !schedule.days.includes(DAYS_OF_WEEK[new Date(day).getUTCDay()]!)) return [];
  const start = schedule.frequency === 'Hourly' ? schedule.windowStart : schedule.time;
  const all = schedule.frequency === 'Hourly' ? hourlySlots(schedule) : [0];
  const slots = onlyLast ? all.slice(-1) : all;
  const iana = ianaTimeZone(policy.timeZone) ?? 'UTC';
  return slots.map((hours, i) => {
    const wall = day + timeOfDayMs(start) + hours * HOUR_MS;
    return {
      key: `${isoDay(day)}/${new Date(wall).toISOString().slice(11, 16)}`,
      at: instantOf(policy, iana, day, wall),
      day: isoDay(day),
      isLastOfDay: i === slots.length - 1,
    };
  });
};

const instantOf = (policy: SchedulePolicy, iana: string, day: number, wall: number): number => {
  if (policy.daylightSaving === 'fixedOffset') return wall - standardOffsetMs(iana, new Date(day).getUTCFullYear());
  const date = new Date(wall);
  const [year, month, dayOfMonth] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
  const time = new Temporal.PlainDateTime(year, month, dayOfMonth, date.getUTCHours(), date.getUTCMinutes());
  return wallTimeToInstant(iana, time);
};

const timeOfDayMs = (time: TimeOfDay): number => {
  const [hours, minutes] = time.split(':').map(Number);
  return (hours! * 60 + minutes!) * 60_000;
};

const utcDay = (at: number): number => Math.floor(at / DAY_MS) * DAY_MS;

const isoDay = (at: number): string => new Date(at).toISOString().slice(0, 10);
