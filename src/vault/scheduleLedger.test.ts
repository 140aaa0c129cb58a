import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DAYS_OF_WEEK, type Schedule } from './policy.ts';
import { dueRuns, hourlySlots, type SchedulePolicy } from './schedule.ts';
import { ZONES } from './testing/zones.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const ms = (text: string) => Date.parse(text);

const isLong = process.env.STRONGROOM_LONG !== undefined;
const FROM = ms('2015-01-03T12:00:00Z');
const YEARS = isLong ? 20 : 1;
const POLICIES_OF_ZONE = isLong ? 4 : 1;

const anyTime = fc.integer({ min: 0, max: 47 }).map((half) => clock(half * 30));
const anySchedule: fc.Arbitrary<Schedule> = fc.oneof(
  fc.record({ frequency: fc.constant('Daily' as const), time: anyTime }),
  fc.record({
    frequency: fc.constant('Weekly' as const),
    days: fc.uniqueArray(fc.constantFrom(...DAYS_OF_WEEK), { minLength: 1 }),
    time: anyTime,
  }),
  fc
    .record({ interval: fc.constantFrom(4, 6, 8, 12, 24), times: fc.integer({ min: 1, max: 6 }), windowStart: anyTime })
    .map(({ interval, times, windowStart }) => ({
      frequency: 'Hourly' as const,
      intervalHours: interval,
      windowStart,
      windowHours: Math.min(interval * times, 24 - (24 % interval)),
    })),
);
/** Hours between two looks at the schedule; now and then the server is down for long. */
const anySteps = fc.array(
  fc.oneof(
    { weight: 9, arbitrary: fc.double({ min: 0.01, max: 60, noNaN: true }) },
    { weight: 1, arbitrary: fc.double({ min: 48, max: 900, noNaN: true }) },
  ),
  { minLength: 40, maxLength: 40 },
);

for (const daylightSaving of ['fixedOffset', 'wallClock'] as const) {
  test(`in ${ZONES.length} zones, whatever the policy and however long the server is down, each run is recorded once (${daylightSaving})`, () => {
    fc.assert(
      fc.property(
        fc.array(anySchedule, { minLength: ZONES.length, maxLength: ZONES.length }),
        anySteps,
        (schedules, steps) => {
          for (const [i, timeZone] of ZONES.entries()) {
            const schedule = schedules[i]!;
            const shown = `${timeZone} ${JSON.stringify(schedule)}`;
            const [first, last, ledger] = record({ schedule, timeZone, daylightSaving }, steps, shown);
            // The first and the last day are cut by the span.
            for (const key of expectedKeys(schedule, first + 3 * DAY_MS, last - 3 * DAY_MS))
              assert.ok(ledger.has(key), `${key} was neither run nor reported: ${shown}`);
          }
        },
      ),
      { numRuns: POLICIES_OF_ZONE },
    );
  });
}

/** What a server would write down that looks at the schedule now and then: keys run or missed, none of them twice. */
function record(policy: SchedulePolicy, stepsHours: readonly number[], shown: string): [number, number, Set<string>] {
  const ledger = new Set<string>();
  let newest = 0;
  const until = FROM + YEARS * 365.25 * DAY_MS;
  let cursor = FROM;
  for (let i = 0; cursor < until; i++) {
    const now = Math.floor(cursor + stepsHours[i % stepsHours.length]! * HOUR_MS) + 1;
    const { run, missed } = dueRuns(policy, cursor, now);
    for (const { key, at } of run ? [...missed, run] : missed) {
      assert.ok(!ledger.has(key), `${key} came twice: ${shown}`);
      assert.ok(at > newest && at > cursor && at <= now, `${key} out of turn: ${shown}`);
      ledger.add(key);
      newest = at;
    }
    cursor = now;
  }
  return [FROM, cursor, ledger];
}

/** By the calendar alone: every day that the policy names, every time of it. */
function expectedKeys(schedule: Schedule, from: number, until: number): readonly string[] {
  const keys: string[] = [];
  for (let at = from - (from % DAY_MS); at < until; at += DAY_MS) {
    const date = new Date(at);
    const day = date.toISOString().slice(0, 10);
    if (schedule.frequency === 'Weekly' && !schedule.days.includes(DAYS_OF_WEEK[date.getUTCDay()]!)) continue;
    if (schedule.frequency !== 'Hourly') keys.push(`${day}/${schedule.time}`);
    else {
      const [hours, minutes] = schedule.windowStart.split(':').map(Number);
      for (const slot of hourlySlots(schedule)) keys.push(`${day}/${clock(((hours! + slot) % 24) * 60 + minutes!)}`);
    }
  }
  return keys;
}

function clock(minutes: number): string {
  return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
}
