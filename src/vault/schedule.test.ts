import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Schedule } from './policy.ts';
import { dueRuns, goesToVault, nextRuns, occurrenceDay, occurrencesBetween, type SchedulePolicy } from './schedule.ts';
import { ZONES } from './testing/zones.ts';
import { ianaTimeZone, standardOffsetMs } from './timeZone.ts';

const ms = (text: string) => Date.parse(text);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const policy = (
  schedule: Schedule,
  timeZone = 'UTC',
  daylightSaving: SchedulePolicy['daylightSaving'] = 'fixedOffset',
) => ({
  schedule,
  timeZone,
  daylightSaving,
});
const daily = (time: string): Schedule => ({ frequency: 'Daily', time });
const hourly = (intervalHours: number, windowStart: string, windowHours: number): Schedule => ({
  frequency: 'Hourly',
  intervalHours,
  windowStart,
  windowHours,
});
const times = (p: SchedulePolicy, after: string, until: string) =>
  occurrencesBetween(p, ms(after), ms(until)).map(({ at }) => new Date(at).toISOString().slice(0, 16));

test('Windows and IANA zones are known in any case, nothing else is', () => {
  assert.equal(ianaTimeZone('India Standard Time'), 'Asia/Calcutta');
  assert.equal(ianaTimeZone('w. europe standard time'), 'Europe/Berlin');
  assert.equal(ianaTimeZone('europe/berlin'), 'Europe/Berlin');
  assert.equal(ianaTimeZone('UTC'), 'Etc/UTC');
  for (const id of ['', 'Nowhere', '+02:00', 'Europe']) assert.equal(ianaTimeZone(id), undefined, id);
});

test('the standard offset is the one without daylight saving, in both hemispheres', () => {
  const hours = (iana: string, year: number) => standardOffsetMs(iana, year) / HOUR_MS;
  assert.deepEqual(
    [
      hours('Europe/Berlin', 2026),
      hours('Australia/Sydney', 2026),
      hours('Europe/Dublin', 2026),
      hours('Asia/Kolkata', 2026),
    ],
    [1, 10, 0, 5.5],
  );
});

test('by default times keep the standard offset the year round', () => {
  const berlin = policy(daily('20:00'), 'W. Europe Standard Time');
  assert.deepEqual(times(berlin, '2026-03-28T12:00:00Z', '2026-03-30T12:00:00Z'), [
    '2026-03-28T19:00',
    '2026-03-29T19:00',
  ]);
  assert.deepEqual(times(berlin, '2026-07-01T12:00:00Z', '2026-07-02T12:00:00Z'), ['2026-07-01T19:00']);
});

test('on the wall clock times follow daylight saving', () => {
  const berlin = policy(daily('20:00'), 'Europe/Berlin', 'wallClock');
  assert.deepEqual(times(berlin, '2026-03-28T12:00:00Z', '2026-03-30T12:00:00Z'), [
    '2026-03-28T19:00',
    '2026-03-29T18:00',
  ]);
});

test('a time in the gap runs at the next instant there is, one that comes twice runs the first time', () => {
  const newYork = policy(daily('02:30'), 'America/New_York', 'wallClock');
  assert.deepEqual(times(newYork, '2027-03-14T00:00:00Z', '2027-03-15T00:00:00Z'), ['2027-03-14T07:00']);
  const overlap = policy(daily('01:30'), 'America/New_York', 'wallClock');
  assert.deepEqual(times(overlap, '2027-11-07T00:00:00Z', '2027-11-08T00:00:00Z'), ['2027-11-07T05:30']);
});

test('in 40 zones over 20 years every day has its occurrence exactly once', () => {
  for (const zone of ZONES) {
    for (const mode of ['wallClock', 'fixedOffset'] as const) {
      const found = occurrencesBetween(
        policy(daily('02:30'), zone, mode),
        ms('2015-01-03T00:00:00Z'),
        ms('2035-01-03T00:00:00Z'),
      );
      const first = Date.parse(found[0]!.day);
      const wrong = found.findIndex(
        ({ day, key, at }, i) =>
          Date.parse(day) !== first + i * DAY_MS || key !== `${day}/02:30` || at <= (found[i - 1]?.at ?? 0),
      );
      assert.equal(wrong, -1, `${zone} ${mode} ${found[wrong]?.key}`);
      assert.ok(Math.abs(found.length - 7_305) <= 1, zone); // a lasting change of law may move one over the end
    }
  }
});

test('around every change of the clock the wall shows the time, or the gap is over just then', () => {
  for (const zone of ZONES) {
    let change = Temporal.Instant.from('2015-01-01T00:00Z').toZonedDateTimeISO(zone).getTimeZoneTransition('next');
    while (change !== null && change.year < 2036) {
      for (const time of ['00:00', '00:30', '01:30', '02:00', '02:30', '03:00', '23:30']) {
        const near = occurrencesBetween(
          policy(daily(time), zone, 'wallClock'),
          change.epochMilliseconds - 2 * DAY_MS,
          change.epochMilliseconds + 2 * DAY_MS,
        );
        for (const { day, at } of near) {
          const wall = Temporal.PlainDateTime.from(`${day}T${time}`);
          const shown = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone);
          const isFirst = shown.toPlainDateTime().toZonedDateTime(zone, { disambiguation: 'earlier' }).equals(shown);
          if (shown.toPlainDateTime().equals(wall)) assert.ok(isFirst, `${zone} ${day} ${time}`);
          else assert.equal(at, change.epochMilliseconds, `${zone} ${day} ${time}`);
        }
      }
      change = change.getTimeZoneTransition('next');
    }
  }
});

test('where a zone left out a whole day, its runs become one', () => {
  const apia = policy(hourly(4, '00:00', 20), 'Pacific/Apia', 'wallClock');
  const found = occurrencesBetween(apia, ms('2011-12-29T00:00:00Z'), ms('2012-01-01T00:00:00Z'));
  assert.ok(found.every(({ at }, i) => i === 0 || at > found[i - 1]!.at));
});

test('however time is cut into pieces, each occurrence comes once', () => {
  const schedules: Schedule[] = [
    daily('02:30'),
    { frequency: 'Weekly', days: ['Sunday', 'Friday'], time: '23:30' },
    hourly(4, '08:00', 12),
    hourly(6, '20:00', 24),
    hourly(24, '02:00', 24),
  ];
  const start = ms('2026-03-01T00:00:00Z');
  fc.assert(
    fc.property(
      fc.constantFrom(...schedules),
      fc.constantFrom(...ZONES),
      fc.constantFrom('wallClock' as const, 'fixedOffset' as const),
      fc.array(fc.integer({ min: 1, max: 5 * DAY_MS }), { minLength: 1, maxLength: 12 }),
      (schedule, zone, mode, steps) => {
        const p = policy(schedule, zone, mode);
        let from = start;
        const pieces = steps.flatMap((step) => {
          const piece = occurrencesBetween(p, from, from + step);
          from += step;
          return piece;
        });
        assert.deepEqual(pieces, occurrencesBetween(p, start, from));
        assert.equal(new Set(pieces.map(({ key }) => key)).size, pieces.length);
      },
    ),
    { numRuns: 150 },
  );
});

test('an hourly window counts its end, unless that is the next start, and belongs to the day it began', () => {
  const short = policy(hourly(4, '08:00', 12));
  assert.deepEqual(times(short, '2026-01-05T00:00:00Z', '2026-01-06T07:00:00Z'), [
    '2026-01-05T08:00',
    '2026-01-05T12:00',
    '2026-01-05T16:00',
    '2026-01-05T20:00',
  ]);
  const round = occurrencesBetween(
    policy(hourly(6, '20:00', 24)),
    ms('2026-01-05T19:00:00Z'),
    ms('2026-01-06T19:00:00Z'),
  );
  assert.deepEqual(
    round.map(({ key }) => key),
    ['2026-01-05/20:00', '2026-01-05/02:00', '2026-01-05/08:00', '2026-01-05/14:00'],
  );
  assert.deepEqual(
    round.map(({ isLastOfDay }) => isLastOfDay),
    [false, false, false, true],
  );
});

test('weekly schedules run on their days of the policy’s zone', () => {
  const tokyo = policy({ frequency: 'Weekly', days: ['Monday'], time: '01:00' }, 'Tokyo Standard Time');
  assert.deepEqual(times(tokyo, '2026-01-01T00:00:00Z', '2026-01-15T00:00:00Z'), [
    '2026-01-04T16:00',
    '2026-01-11T16:00',
  ]);
});

test('the next runs follow the instant, which is not among them', () => {
  const runs = nextRuns(
    policy({ frequency: 'Weekly', days: ['Monday'], time: '20:00' }),
    ms('2026-01-05T20:00:00Z'),
    2,
  );
  assert.deepEqual(
    runs.map(({ key }) => key),
    ['2026-01-12/20:00', '2026-01-19/20:00'],
  );
  assert.deepEqual(nextRuns(policy(daily('20:00')), 0, 0), []);
});

test('after a rest one run catches up, the others are missed', () => {
  const p = policy(daily('20:00'));
  const { run, missed } = dueRuns(p, ms('2026-01-05T20:00:00Z'), ms('2026-01-09T09:00:00Z'));
  assert.equal(run?.key, '2026-01-08/20:00');
  assert.deepEqual(
    missed.map(({ key }) => key),
    ['2026-01-06/20:00', '2026-01-07/20:00'],
  );
  assert.deepEqual(dueRuns(p, run!.at, ms('2026-01-09T19:59:59Z')), { missed: [] });
});

test('of an hourly policy the last backup of a day goes to the vault, or the next one when it did not', () => {
  const p = policy(hourly(4, '08:00', 12));
  const [first, second, , last] = nextRuns(p, ms('2026-01-05T00:00:00Z'), 4);
  assert.equal(occurrenceDay(first!.key), '2026-01-05');
  assert.equal(goesToVault(p, first!, undefined), true);
  assert.equal(goesToVault(p, first!, '2026-01-04'), false);
  assert.equal(goesToVault(p, first!, '2026-01-03'), true);
  assert.equal(goesToVault(p, second!, '2026-01-05'), false);
  assert.equal(goesToVault(p, last!, '2026-01-05'), true);
  assert.equal(goesToVault(policy(daily('20:00')), first!, '2026-01-05'), true);
});
