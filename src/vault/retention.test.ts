import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DAYS_OF_WEEK, type DayOfWeek, MONTHS, type MonthDays, type Retention, WEEKS_OF_MONTH } from './policy.ts';
import type { RecoveryPoint } from './recoveryPoint.ts';
import { decideSnapshots, decideVaulted } from './retention.ts';
import { isCounted } from './retentionRules.ts';

const DAY_MS = 86_400_000;
const ms = (text: string) => Date.parse(text);

/** A vaulted, scheduled point of a day at 20:00. */
const point = (day: string, patch: Partial<RecoveryPoint> = {}): RecoveryPoint => ({
  id: day,
  vaultId: 'v',
  itemId: 'i',
  jobId: 'j',
  takenAt: ms(`${day}T20:00:00Z`),
  consistency: 'application',
  occurrenceKey: `${day}/20:00`,
  vaulted: { commitName: 'c', cseq: 1, storedAt: 0 },
  keptBy: [],
  disks: [],
  excludedDisks: [],
  machine: {},
  ...patch,
});
const onDemand = (id: string, takenAt: number, retainUntil: number): RecoveryPoint => {
  const { occurrenceKey: _, ...rest } = point('2026-01-01', { id, takenAt, retainUntil });
  return rest;
};
const policy = (retention: Retention, instantRestoreDays = 2) => ({ retention, instantRestoreDays });
const weekly: MonthDays = { format: 'Weekly', days: ['Sunday'], weeks: ['First'] };

test('which days of a month count', () => {
  const weeks = (week: (typeof WEEKS_OF_MONTH)[number], ...days: DayOfWeek[]): MonthDays => ({
    format: 'Weekly',
    days,
    weeks: [week],
  });
  const cases: [string, MonthDays, boolean][] = [
    ['2026-02-28', { format: 'Daily', daysOfMonth: [0] }, true],
    ['2028-02-28', { format: 'Daily', daysOfMonth: [0] }, false],
    ['2028-02-29', { format: 'Daily', daysOfMonth: [0] }, true],
    ['2026-12-31', { format: 'Daily', daysOfMonth: [0] }, true],
    ['2026-05-28', { format: 'Daily', daysOfMonth: [1, 28] }, true],
    ['2026-05-29', { format: 'Daily', daysOfMonth: [1, 28] }, false],
    ['2026-01-04', weeks('First', 'Sunday'), true],
    ['2026-01-11', weeks('First', 'Sunday'), false],
    ['2026-01-11', weeks('Second', 'Sunday'), true],
    ['2026-01-29', weeks('Fourth', 'Thursday'), false], // the fifth Thursday
    ['2026-01-29', weeks('Last', 'Thursday'), true],
    ['2026-01-30', weeks('Last', 'Friday'), true],
    ['2026-02-22', weeks('Last', 'Sunday'), true],
    ['2026-02-22', weeks('Fourth', 'Sunday'), true],
  ];
  for (const [day, on, counts] of cases) assert.equal(isCounted(day, on), counts, `${day} ${JSON.stringify(on)}`);
});

test('a point is kept for the longest of its rules, and says by which', () => {
  const retention: Retention = {
    daily: { days: 7 },
    weekly: { weeks: 4, on: ['Sunday'] },
    monthly: { months: 12, on: weekly },
    yearly: { years: 3, inMonths: ['January'], on: weekly },
  };
  const points = [point('2026-01-04'), point('2026-01-05'), point('2027-06-01')];
  const on = (now: string) => decideVaulted(points, policy(retention), { now: ms(now) }).slice(1);
  const [fifth, fourth] = on('2026-01-08T00:00:00Z');
  assert.deepEqual(fourth, {
    pointId: '2026-01-04',
    keep: true,
    expiresAt: ms('2029-01-04T20:00:00Z'),
    reasons: ['daily', 'weekly', 'monthly', 'yearly'],
  });
  assert.deepEqual(fifth, {
    pointId: '2026-01-05',
    keep: true,
    expiresAt: ms('2026-01-12T20:00:00Z'),
    reasons: ['daily'],
  });
  assert.deepEqual(on('2026-01-12T20:00:00Z')[0], {
    pointId: '2026-01-05',
    keep: false,
    expiresAt: ms('2026-01-12T20:00:00Z'),
    reasons: ['daily'],
  });
  assert.deepEqual(on('2026-03-01T00:00:00Z')[1]?.reasons, ['monthly', 'yearly']);
  assert.equal(on('2029-01-04T20:00:00Z')[1]?.keep, false);
});

test('the newest point is always kept, and shows no end before there is a newer one', () => {
  const old = decideVaulted([point('2026-01-05')], policy({ daily: { days: 7 } }), { now: ms('2030-01-01T00:00:00Z') });
  const rulesUntil = ms('2026-01-12T20:00:00Z');
  assert.deepEqual(old, [{ pointId: '2026-01-05', keep: true, rulesUntil, reasons: ['newest point is always kept'] }]);
});

test('an on-demand point is kept until its own end, and stands for no day', () => {
  const until = ms('2026-02-01T00:00:00Z');
  const points = [onDemand('asked', ms('2026-01-04T10:00:00Z'), until), point('2026-01-04'), point('2026-01-06')];
  const decide = (now: number) =>
    decideVaulted(points, policy({ daily: { days: 7 }, weekly: { weeks: 9, on: ['Sunday'] } }), { now });
  assert.deepEqual(
    decide(until - 1).find((d) => d.pointId === 'asked'),
    { pointId: 'asked', keep: true, expiresAt: until, reasons: ['on-demand'] },
  );
  assert.equal(decide(until).find((d) => d.pointId === 'asked')?.keep, false);
  assert.deepEqual(decide(until).find((d) => d.pointId === '2026-01-04')?.reasons, ['weekly']);
});

test('a backup that ran past midnight belongs to the day it was scheduled for', () => {
  const late = point('2026-01-04', { takenAt: ms('2026-01-05T00:40:00Z') });
  const [, decision] = decideVaulted(
    [late, point('2026-01-06')],
    policy({ daily: { days: 7 }, weekly: { weeks: 9, on: ['Sunday'] } }),
    { now: late.takenAt },
  );
  assert.deepEqual(decision?.reasons, ['daily', 'weekly']);
});

test('of several points of a day the first that reached the vault stands for it', () => {
  const again = point('2026-01-04', {
    id: 'again',
    takenAt: ms('2026-01-04T22:00:00Z'),
    occurrenceKey: '2026-01-04/22:00',
  });
  const decisions = decideVaulted(
    [again, point('2026-01-04'), point('2026-02-01')],
    policy({ daily: { days: 7 }, weekly: { weeks: 9, on: ['Sunday'] } }),
    { now: ms('2026-01-20T00:00:00Z') },
  );
  assert.deepEqual(
    decisions.map((d) => [d.pointId, d.keep]),
    [
      ['2026-02-01', true],
      ['again', false],
      ['2026-01-04', true],
    ],
  );
});

test('nothing expires while protection is stopped, nor what is in use', () => {
  const points = [point('2026-01-04'), point('2026-01-05')];
  const now = ms('2030-01-01T00:00:00Z');
  const stopped = decideVaulted(points, policy({ daily: { days: 7 } }), { now, isPaused: true });
  assert.deepEqual(
    stopped.map((d) => [d.keep, d.reasons[0]]),
    [
      [true, 'protection is stopped'],
      [true, 'protection is stopped'],
    ],
  );
  assert.deepEqual(
    decideVaulted(points, undefined, { now }).map((d) => d.keep),
    [true, true],
  );
  const used = decideVaulted(points, policy({ daily: { days: 7 } }), { now, inUse: new Set(['2026-01-04']) });
  assert.deepEqual(used[1]?.reasons, ['in use']);
});

test('snapshots go after the days of instant restore, but for the newest and the base of the next transfer', () => {
  const snapshot = { snapshotId: 's' };
  const { vaulted: _, ...unvaulted } = point('2026-01-06', { snapshot });
  const points = [
    point('2026-01-03', { snapshot }),
    point('2026-01-04', { snapshot }),
    { ...unvaulted, id: '2026-01-05', takenAt: ms('2026-01-05T20:00:00Z') },
    unvaulted,
    point('2026-01-02', { snapshot: { snapshotId: 's', deletedAt: 1 } }),
  ];
  const decisions = decideSnapshots(points, policy({ daily: { days: 30 } }), { now: ms('2026-01-20T00:00:00Z') });
  assert.deepEqual(
    decisions.map((d) => [d.pointId, d.keep, d.reasons]),
    [
      ['2026-01-06', true, ['newest point is always kept']],
      ['2026-01-05', false, ['instant restore']],
      ['2026-01-04', true, ['base of the next transfer']],
      ['2026-01-03', false, ['instant restore']],
    ],
  );
  const early = decideSnapshots([...points, point('2026-01-07', { snapshot })], policy({ daily: { days: 30 } }), {
    now: ms('2026-01-07T21:00:00Z'),
  });
  assert.equal(early.find((d) => d.pointId === '2026-01-06')?.expiresAt, ms('2026-01-08T20:00:00Z'));
});

test('the snapshot of an on-demand point does not outlive the point', () => {
  const asked = {
    ...onDemand('asked', ms('2026-01-04T10:00:00Z'), ms('2026-01-04T12:00:00Z')),
    snapshot: { snapshotId: 's' },
  };
  const decisions = decideSnapshots(
    [asked, point('2026-01-05', { snapshot: { snapshotId: 't' } })],
    policy({ daily: { days: 30 } }),
    { now: asked.takenAt },
  );
  assert.equal(decisions[1]?.expiresAt, ms('2026-01-04T12:00:00Z'));
});

/** The same rules in the plainest words: is this point kept now? */
const model = (
  points: readonly RecoveryPoint[],
  one: RecoveryPoint,
  { daily, weekly: week, monthly, yearly }: Retention,
  now: number,
): boolean => {
  if (points.every((other) => other.takenAt <= one.takenAt)) return true;
  if (one.retainUntil !== undefined) return now < one.retainUntil;
  const date = Temporal.PlainDate.from(one.occurrenceKey!.slice(0, 10));
  const later = (duration: Temporal.DurationLike) =>
    Temporal.Instant.fromEpochMilliseconds(one.takenAt).toZonedDateTimeISO('UTC').add(duration).epochMilliseconds;
  const matches = (on: MonthDays): boolean => {
    if (on.format === 'Daily') return on.daysOfMonth.some((day) => date.day === (day || date.daysInMonth));
    return on.days.some((day) =>
      on.weeks.some((name) => {
        const all = Array.from({ length: date.daysInMonth }, (_, i) => date.with({ day: i + 1 })).filter(
          (d) => DAYS_OF_WEEK[d.dayOfWeek % 7] === day,
        );
        return all.at(name === 'Last' ? -1 : WEEKS_OF_MONTH.indexOf(name))!.equals(date);
      }),
    );
  };
  const isFirst = !points.some(
    (p) => p.occurrenceKey?.slice(0, 10) === one.occurrenceKey!.slice(0, 10) && p.takenAt < one.takenAt,
  );
  if (daily && now < later({ hours: 24 * daily.days })) return true;
  if (!isFirst) return false;
  if (week?.on.includes(DAYS_OF_WEEK[date.dayOfWeek % 7]!) && now < later({ hours: 168 * week.weeks })) return true;
  if (monthly && matches(monthly.on) && now < later({ months: monthly.months })) return true;
  return Boolean(
    yearly?.inMonths.includes(MONTHS[date.month - 1]!) && matches(yearly.on) && now < later({ years: yearly.years }),
  );
};

const some = <T>(values: readonly T[]) => fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 3 });
const anyMonthDays: fc.Arbitrary<MonthDays> = fc.oneof(
  fc.record({
    format: fc.constant('Daily' as const),
    daysOfMonth: fc.uniqueArray(fc.integer({ min: 0, max: 28 }), { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ format: fc.constant('Weekly' as const), days: some(DAYS_OF_WEEK), weeks: some(WEEKS_OF_MONTH) }),
);
const anyRetention = fc.record(
  {
    daily: fc.record({ days: fc.integer({ min: 1, max: 60 }) }),
    weekly: fc.record({ weeks: fc.integer({ min: 1, max: 30 }), on: some(DAYS_OF_WEEK) }),
    monthly: fc.record({ months: fc.integer({ min: 1, max: 30 }), on: anyMonthDays }),
    yearly: fc.record({ years: fc.integer({ min: 1, max: 4 }), inMonths: some(MONTHS), on: anyMonthDays }),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<Retention>;
/** Days since the first, hour of the day, and how long an on-demand point is to be kept. */
const anyHistory = fc.uniqueArray(
  fc.record({
    day: fc.integer({ min: 0, max: 1_200 }),
    hour: fc.integer({ min: 0, max: 23 }),
    onDemandDays: fc.option(fc.integer({ min: 1, max: 400 }), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 60, selector: ({ day, hour }) => day * 24 + hour },
);

test('for any history, policy and moment the decision equals the plain reading of the rules', () => {
  const start = ms('2026-12-20T00:00:00Z');
  fc.assert(
    fc.property(anyHistory, anyRetention, fc.integer({ min: 0, max: 2_000 }), (history, retention, days) => {
      const points = history.map(({ day, hour, onDemandDays }) => {
        const takenAt = start + day * DAY_MS + hour * 3_600_000;
        if (onDemandDays !== undefined) return onDemand(`${takenAt}`, takenAt, takenAt + onDemandDays * DAY_MS);
        const date = new Date(takenAt).toISOString();
        return point(date.slice(0, 10), {
          id: `${takenAt}`,
          takenAt,
          occurrenceKey: `${date.slice(0, 10)}/${date.slice(11, 16)}`,
        });
      });
      const now = start + days * DAY_MS;
      const decisions = decideVaulted(points, policy(retention), { now });
      assert.equal(decisions.length, points.length);
      for (const { pointId, keep, expiresAt, reasons } of decisions) {
        const one = points.find((p) => p.id === pointId)!;
        assert.equal(keep, model(points, one, retention, now), `${pointId} ${reasons}`);
        if (keep && expiresAt !== undefined) {
          assert.ok(expiresAt > now);
          assert.equal(model(points, one, retention, expiresAt - 1), true);
          assert.equal(model(points, one, retention, expiresAt), false);
        }
      }
    }),
    { numRuns: process.env.STRONGROOM_LONG ? 100_000 : 3_000 },
  );
});
