import type { PolicyRules } from './policy.ts';
import { type Occurrence, occurrencesBetween } from './schedule.ts';
import { ianaTimeZone, standardOffsetMs } from './timeZone.ts';

/** A run to come, as people see it. */
export interface PlannedRun {
  /** ms since epoch. */
  readonly at: number;
  /** What the policy says, 'HH:MM', and for which day. */
  readonly scheduledTime: string;
  readonly day: string;
  /** What clocks in the policy's zone show then: '2026-03-29T03:00:00+02:00'. */
  readonly wallClock: string;
  readonly goesToVault: boolean;
  /** Why the clock shows another time than the policy says. */
  readonly note?: string;
}

/** The runs after `after` and until `until`, at most `count`. */
export const planRuns = (
  policy: Pick<PolicyRules, 'schedule' | 'timeZone' | 'daylightSaving'>,
  { after, until, count }: { readonly after: number; readonly until: number; readonly count: number },
): readonly PlannedRun[] => {
  const found: Occurrence[] = [];
  for (let from = after; from < until && found.length < count; from += STEP_MS)
    found.push(...occurrencesBetween(policy, from, Math.min(from + STEP_MS, until)));
  return found.slice(0, count).map((occurrence) => planned(policy, occurrence));
};

const STEP_MS = 32 * 86_400_000;

const planned = (
  { timeZone, daylightSaving }: Pick<PolicyRules, 'timeZone' | 'daylightSaving'>,
  { at, day, key, isLastOfDay }: Occurrence,
): PlannedRun => {
  const iana = ianaTimeZone(timeZone) ?? 'UTC';
  const wall = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(iana);
  const scheduledTime = key.slice(11);
  const shown = wall.toPlainTime().toString({ smallestUnit: 'minute' });
  const run = {
    ...{ at, scheduledTime, day, goesToVault: isLastOfDay },
    wallClock: wall.toString({ smallestUnit: 'second', timeZoneName: 'never' }),
  };
  if (shown === scheduledTime) return run;
  const isSummer = wall.offsetNanoseconds / 1e6 !== standardOffsetMs(iana, wall.year);
  const why =
    daylightSaving === 'wallClock'
      ? `clocks leap over ${scheduledTime} on this day`
      : isSummer
        ? 'the policy keeps the standard offset of its zone through daylight saving'
        : 'the standard offset of the zone is another in this part of the year';
  return { ...run, note: `Clocks show ${shown}: ${why}.` };
};
