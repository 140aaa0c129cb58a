import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultPolicy, enhancedPolicy } from './defaultPolicies.ts';
import { policyFromWire } from './policyFromWire.ts';
import { policyToWire } from './policyToWire.ts';
import { daily, everyRule, hourly, NOW, TIME, weekly } from './testing/policySamples.ts';

test('the default policy is the one every new vault has', () => {
  assert.deepEqual(policyToWire(defaultPolicy(NOW), 0), daily);
});

test('the enhanced policy runs every 4 hours from 08:00 for 12 hours', () => {
  const wire = policyToWire(enhancedPolicy(NOW), 0);
  assert.equal(wire.policyType, 'V2');
  assert.deepEqual(wire.schedulePolicy, {
    schedulePolicyType: 'SimpleSchedulePolicyV2',
    scheduleRunFrequency: 'Hourly',
    hourlySchedule: { interval: 4, scheduleWindowStartTime: '2022-05-13T08:00:00Z', scheduleWindowDuration: 12 },
  });
  assert.deepEqual(wire.retentionPolicy.dailySchedule, {
    retentionTimes: ['2022-05-13T08:00:00Z'],
    retentionDuration: { count: 30, durationType: 'Days' },
  });
});

for (const [name, wire] of Object.entries({
  daily,
  weekly,
  hourly,
  'all rules': { ...daily, retentionPolicy: everyRule },
  'daily V2': {
    ...daily,
    policyType: 'V2',
    schedulePolicy: {
      schedulePolicyType: 'SimpleSchedulePolicyV2',
      scheduleRunFrequency: 'Daily',
      dailySchedule: { scheduleRunTimes: [TIME] },
    },
    snapshotConsistencyType: 'OnlyCrashConsistent',
    tieringPolicy: { ArchivedRP: { tieringMode: 'DoNotTier', duration: 0, durationType: 'Invalid' } },
    strongroom: { daylightSaving: 'wallClock' },
  },
})) {
  test(`a policy comes back as it was sent: ${name}`, () => {
    assert.deepEqual(policyToWire(policyFromWire(wire), 0), wire);
  });
}

test('what clients leave out or send as null gets its default', () => {
  const { policyType: _, timeZone: __, instantRpRetentionRangeInDays: ___, ...bare } = daily;
  const sent = {
    ...bare,
    tieringPolicy: null,
    snapshotConsistencyType: '',
    retentionPolicy: { ...bare.retentionPolicy, weeklySchedule: null },
  };
  assert.deepEqual(policyToWire(policyFromWire(sent), 0), daily);
  const { instantRpRetentionRangeInDays: ____, ...noDays } = weekly;
  assert.equal(policyFromWire(noDays).instantRestoreDays, 5);
  const { instantRpRetentionRangeInDays: _____, ...v2 } = hourly;
  assert.equal(policyFromWire(v2).instantRestoreDays, 7);
});

test('milliseconds and a spelled-out offset are the same time', () => {
  const sent = {
    ...daily,
    schedulePolicy: { ...daily.schedulePolicy, scheduleRunTimes: ['2023-01-01T20:00:00.000+00:00'] },
  };
  assert.equal(policyFromWire(sent).schedule.frequency === 'Daily' && policyFromWire(sent).referenceDate, '2023-01-01');
});
