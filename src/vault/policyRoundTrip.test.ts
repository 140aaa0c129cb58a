import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  DAYS_OF_WEEK,
  type DayOfWeek,
  MONTHS,
  type MonthDays,
  type PolicyRules,
  type Retention,
  WEEKS_OF_MONTH,
} from './policy.ts';
import { policyEffect } from './policyEffect.ts';
import { policyFromWire } from './policyFromWire.ts';
import { policyToWire } from './policyToWire.ts';

const some = <T>(values: readonly T[]) =>
  fc
    .uniqueArray(fc.constantFrom(...values), { minLength: 1 })
    .map((found) => values.filter((one) => found.includes(one)));
const anyTime = fc.constantFrom('00:00', '08:30', '20:00', '23:30');
const monthDays = (days: readonly DayOfWeek[], isWeekly: boolean): fc.Arbitrary<MonthDays> => {
  const relative = fc.record({ format: fc.constant('Weekly' as const), days: some(days), weeks: some(WEEKS_OF_MONTH) });
  const daysOfMonth = fc.uniqueArray(fc.integer({ min: 0, max: 28 }), { minLength: 1, maxLength: 5 });
  return isWeekly ? relative : fc.oneof(relative, fc.record({ format: fc.constant('Daily' as const), daysOfMonth }));
};
const years = (days: readonly DayOfWeek[], isWeekly: boolean) =>
  fc.option(
    fc.record({ years: fc.integer({ min: 1, max: 99 }), inMonths: some(MONTHS), on: monthDays(days, isWeekly) }),
    { nil: undefined },
  );
const months = (days: readonly DayOfWeek[], isWeekly: boolean) =>
  fc.option(fc.record({ months: fc.integer({ min: 1, max: 1188 }), on: monthDays(days, isWeekly) }), {
    nil: undefined,
  });

const common = {
  timeZone: fc.constantFrom('UTC', 'W. Europe Standard Time', 'Asia/Kolkata'),
  daylightSaving: fc.constantFrom('fixedOffset' as const, 'wallClock' as const),
  referenceDate: fc.constant('2026-02-03'),
  instantRPDetails: fc.constantFrom({}, { azureBackupRGNamePrefix: 'a', azureBackupRGNameSuffix: 'b' }),
};

/** Legal ones of every kind. */
const anyPolicy: fc.Arbitrary<PolicyRules> = fc
  .constantFrom('V1/Daily', 'V1/Weekly', 'V2/Daily', 'V2/Weekly', 'V2/Hourly')
  .chain((kind) => {
    const [policyType, frequency] = kind.split('/') as ['V1' | 'V2', 'Daily' | 'Weekly' | 'Hourly'];
    return some(DAYS_OF_WEEK).chain((days) => {
      const isWeekly = frequency === 'Weekly';
      return fc
        .record({
          ...common,
          time: anyTime,
          interval: fc.constantFrom(4, 6, 8, 12, 24),
          daily: fc.oneof(fc.integer({ min: 31, max: 9999 })),
          weekly: fc.record({
            weeks: fc.integer({ min: 1, max: 5163 }),
            on: isWeekly ? fc.constant(days) : some(DAYS_OF_WEEK),
          }),
          hasWeekly: fc.boolean(),
          monthly: months(isWeekly ? days : DAYS_OF_WEEK, isWeekly),
          yearly: years(isWeekly ? days : DAYS_OF_WEEK, isWeekly),
          instantDays: fc.integer({ min: 1, max: 5 }),
          isCrash: fc.boolean(),
        })
        .map((given): PolicyRules => {
          const { time, interval, daily, weekly, hasWeekly, monthly, yearly, instantDays, isCrash, ...rest } = given;
          const retention: Retention = {
            ...(isWeekly ? {} : { daily: { days: daily } }),
            ...(isWeekly || hasWeekly ? { weekly } : {}),
            ...(monthly ? { monthly } : {}),
            ...(yearly ? { yearly } : {}),
          };
          return {
            ...{ ...rest, policyType, retention, instantRestoreDays: isWeekly ? 5 : instantDays },
            schedule:
              frequency === 'Daily'
                ? { frequency, time }
                : frequency === 'Weekly'
                  ? { frequency, days, time }
                  : { frequency, intervalHours: interval, windowStart: time, windowHours: interval },
            ...(policyType === 'V2' && isCrash ? { snapshotConsistency: 'OnlyCrashConsistent' as const } : {}),
          };
        });
    });
  });

test('every legal policy comes back from the wire as it went', () => {
  fc.assert(
    fc.property(anyPolicy, (rules) => {
      const wire = JSON.parse(JSON.stringify(policyToWire(rules, 7)));
      const read = policyFromWire(wire);
      assert.deepEqual(read, JSON.parse(JSON.stringify(rules)));
      assert.deepEqual(JSON.parse(JSON.stringify(policyToWire(read, 7))), wire);
    }),
    { numRuns: process.env.STRONGROOM_LONG ? 50_000 : 400 },
  );
});

test('a change is shorter one way if it is longer the other, and nothing when it is none', () => {
  fc.assert(
    fc.property(anyPolicy, anyPolicy, (a, b) => {
      const [there, back, none] = [
        policyEffect(a, b),
        policyEffect(b, a),
        policyEffect(a, { ...a, referenceDate: '2031-01-01' }),
      ];
      assert.deepEqual([none.isSame, none.isWeaker, none.isLengthened], [true, false, false]);
      assert.equal(there.shortened.length > 0, back.isLengthened);
      assert.equal(there.isRarer && back.isRarer, false);
      if (there.isSame) assert.deepEqual(there.shortened, []);
    }),
    { numRuns: 400 },
  );
});
