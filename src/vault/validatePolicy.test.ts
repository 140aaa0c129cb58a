import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CodedError, isCoded } from '../lib/error.ts';
import { policyFromWire } from './policyFromWire.ts';
import { at, daily, everyRule, hourly, TIME, weekly } from './testing/policySamples.ts';

const faultsOf = (wire: unknown): CodedError => {
  try {
    policyFromWire(wire);
  } catch (error) {
    if (isCoded(error)) return error;
    throw error;
  }
  assert.fail('the policy was accepted');
};

const targetsOf = (wire: unknown): string[] => faultsOf(wire).details.map((detail) => detail.target ?? '');

const schedule = (patch: object) => ({ ...daily, schedulePolicy: { ...daily.schedulePolicy, ...patch } });
const slots = (patch: object) => ({
  ...hourly,
  schedulePolicy: { ...hourly.schedulePolicy, hourlySchedule: { ...hourly.schedulePolicy.hourlySchedule, ...patch } },
});
const keep = (patch: object) => ({ ...daily, retentionPolicy: { ...everyRule, ...patch } });
const keepWeekly = (patch: object) => ({ ...weekly, retentionPolicy: { ...weekly.retentionPolicy, ...patch } });
const group = (patch: object) => ({
  ...daily,
  instantRPDetails: { azureBackupRGNamePrefix: 'snapshots', ...patch },
});
/** Under rules that keep monthly points for 60 months and yearly ones for 10 years. */
const tier = (archived: object, others: object = {}) => ({
  ...daily,
  retentionPolicy: everyRule,
  tieringPolicy: { ArchivedRP: { tieringMode: 'DoNotTier', ...archived }, ...others },
});
const R = 'retentionPolicy';

for (const [target, wire] of [
  ['properties', null],
  ['properties', []],
  ['backupManagementType', { ...daily, backupManagementType: 'Everything' }],
  ['backupManagementType', { ...daily, backupManagementType: undefined }],
  ['instantRPDetails', { ...daily, instantRPDetails: 7 }],
  ['instantRPDetails', { ...daily, instantRPDetails: { azureBackupRGNamePrefix: 'a'.repeat(85) } }],
  ['instantRPDetails.azureBackupRGNamePrefix', { ...daily, instantRPDetails: { azureBackupRGNamePrefix: 'a/b' } }],
  ['instantRPDetails.azureBackupRGNamePrefix', { ...daily, instantRPDetails: { azureBackupRGNameSuffix: 'x' } }],
  ['instantRPDetails.azureBackupRGNameSuffix', group({ azureBackupRGNameSuffix: 'x.' })],
  ['tieringPolicy', { ...daily, tieringPolicy: 'soon' }],
  ['tieringPolicy', tier({}, { HardenedRP: {} })],
  ['tieringPolicy.ArchivedRP.tieringMode', tier({ tieringMode: 'Invalid' })],
  [
    'tieringPolicy.ArchivedRP.tieringMode',
    { ...daily, tieringPolicy: { ArchivedRP: { tieringMode: 'TierRecommended' } } },
  ],
  ['tieringPolicy.ArchivedRP.durationType', tier({ tieringMode: 'TierAfter', duration: 3, durationType: 'Days' })],
  ['tieringPolicy.ArchivedRP.duration', tier({ tieringMode: 'TierAfter', duration: 2, durationType: 'Months' })],
  ['tieringPolicy.ArchivedRP.duration', tier({ tieringMode: 'TierAfter', durationType: 'Months' })],
  ['tieringPolicy.ArchivedRP.duration', tier({ tieringMode: 'TierAfter', duration: 115, durationType: 'Months' })],
  ['policyType', { ...daily, policyType: 'V3' }],
  ['schedulePolicy.schedulePolicyType', { ...daily, policyType: 'V2' }],
  ['schedulePolicy.schedulePolicyType', schedule({ schedulePolicyType: 'LogSchedulePolicy' })],
  ['schedulePolicy.scheduleRunFrequency', schedule({ scheduleRunFrequency: 'Hourly' })],
  ['schedulePolicy.scheduleRunTimes', schedule({ scheduleRunTimes: [TIME, TIME] })],
  ['schedulePolicy.scheduleRunTimes', schedule({ scheduleRunTimes: undefined })],
  ['schedulePolicy.scheduleRunTimes[0]', schedule({ scheduleRunTimes: ['2022-05-13T20:15:00Z'] })],
  ['schedulePolicy.scheduleRunTimes[0]', schedule({ scheduleRunTimes: ['2022-05-13T20:00:01Z'] })],
  ['schedulePolicy.scheduleRunTimes[0]', schedule({ scheduleRunTimes: ['2022-05-13T24:00:00Z'] })],
  ['schedulePolicy.scheduleRunTimes[0]', schedule({ scheduleRunTimes: ['2022-05-13T20:00:00+02:00'] })],
  ['schedulePolicy.scheduleRunDays', schedule({ scheduleRunFrequency: 'Weekly' })],
  ['schedulePolicy.hourlySchedule', { ...hourly, schedulePolicy: { ...hourly.schedulePolicy, hourlySchedule: null } }],
  ['schedulePolicy.hourlySchedule.interval', slots({ interval: 5, scheduleWindowDuration: 15 })],
  ['schedulePolicy.hourlySchedule.scheduleWindowDuration', slots({ scheduleWindowDuration: 15 })],
  ['schedulePolicy.hourlySchedule.scheduleWindowDuration', slots({ scheduleWindowDuration: 28 })],
  ['schedulePolicy.hourlySchedule.scheduleWindowDuration', slots({ scheduleWindowDuration: 0 })],
  ['timeZone', { ...daily, timeZone: 'Atlantis Standard Time' }],
  ['timeZone', { ...daily, timeZone: '+02:00' }],
  ['timeZone', { ...daily, timeZone: 5 }],
  ['strongroom.daylightSaving', { ...daily, strongroom: { daylightSaving: 'sometimes' } }],
  ['snapshotConsistencyType', { ...daily, snapshotConsistencyType: 'OnlyCrashConsistent' }],
  ['snapshotConsistencyType', { ...hourly, snapshotConsistencyType: 'Best' }],
  ['instantRpRetentionRangeInDays', { ...daily, instantRpRetentionRangeInDays: 6 }],
  ['instantRpRetentionRangeInDays', { ...daily, instantRpRetentionRangeInDays: 0 }],
  ['instantRpRetentionRangeInDays', { ...daily, instantRpRetentionRangeInDays: 1.5 }],
  ['instantRpRetentionRangeInDays', { ...weekly, instantRpRetentionRangeInDays: 4 }],
  ['instantRpRetentionRangeInDays', { ...hourly, instantRpRetentionRangeInDays: 18 }],
  [`${R}`, { ...daily, retentionPolicy: undefined }],
  [`${R}.retentionPolicyType`, keep({ retentionPolicyType: 'SimpleRetentionPolicy' })],
  [`${R}.dailySchedule`, keep({ dailySchedule: undefined })],
  [
    `${R}.dailySchedule.retentionTimes[0]`,
    keep({ dailySchedule: { ...at(30, 'Days'), retentionTimes: ['2022-05-13T21:00:00Z'] } }),
  ],
  [`${R}.dailySchedule.retentionDuration.durationType`, keep({ dailySchedule: at(30, 'Weeks') })],
  [`${R}.dailySchedule.retentionDuration`, keep({ dailySchedule: { retentionTimes: [TIME] } })],
  [`${R}.dailySchedule.retentionDuration.count`, keep({ dailySchedule: at(10_000, 'Days') })],
  [
    `${R}.weeklySchedule.retentionDuration.count`,
    keep({ weeklySchedule: { ...everyRule.weeklySchedule, ...at(5_164, 'Weeks') } }),
  ],
  [
    `${R}.weeklySchedule.daysOfTheWeek[0]`,
    keep({ weeklySchedule: { ...everyRule.weeklySchedule, daysOfTheWeek: ['Someday'] } }),
  ],
  [
    `${R}.monthlySchedule.retentionDuration.count`,
    keep({ monthlySchedule: { ...everyRule.monthlySchedule, ...at(1_189, 'Months') } }),
  ],
  [
    `${R}.monthlySchedule.retentionScheduleFormatType`,
    keep({ monthlySchedule: { ...everyRule.monthlySchedule, retentionScheduleFormatType: 'x' } }),
  ],
  [
    `${R}.monthlySchedule.retentionScheduleDaily`,
    keep({ monthlySchedule: { ...everyRule.monthlySchedule, retentionScheduleFormatType: 'Daily' } }),
  ],
  [
    `${R}.yearlySchedule.retentionDuration.count`,
    keep({ yearlySchedule: { ...everyRule.yearlySchedule, ...at(100, 'Years') } }),
  ],
  [`${R}.yearlySchedule.monthsOfYear`, keep({ yearlySchedule: { ...everyRule.yearlySchedule, monthsOfYear: [] } })],
  [
    `${R}.yearlySchedule.retentionScheduleDaily.daysOfTheMonth`,
    keep({
      yearlySchedule: {
        ...everyRule.yearlySchedule,
        retentionScheduleDaily: { daysOfTheMonth: [{ date: 29, isLast: false }] },
      },
    }),
  ],
  [`${R}.weeklySchedule`, keepWeekly({ weeklySchedule: null })],
  [
    `${R}.weeklySchedule.daysOfTheWeek`,
    keepWeekly({ weeklySchedule: { daysOfTheWeek: ['Sunday'], ...at(12, 'Weeks') } }),
  ],
  [`${R}.dailySchedule`, keepWeekly({ dailySchedule: at(30, 'Days') })],
  [`${R}.yearlySchedule.retentionScheduleFormatType`, keepWeekly({ yearlySchedule: everyRule.yearlySchedule })],
  [
    `${R}.monthlySchedule.retentionScheduleWeekly.daysOfTheWeek`,
    keepWeekly({
      monthlySchedule: {
        ...everyRule.monthlySchedule,
        retentionScheduleWeekly: { daysOfTheWeek: ['Monday'], weeksOfTheMonth: ['Last'] },
      },
    }),
  ],
] as const) {
  test(`a policy is refused for ${target}: ${JSON.stringify(wire)?.slice(0, 12)}`, () => {
    const error = faultsOf(wire);
    const fault = error.details.find((detail) => detail.target === target);
    assert.ok(fault, `faults were at ${error.details.map((detail) => detail.target)}`);
    assert.ok(fault.message.startsWith(`${target} `), fault.message);
    assert.match(fault.message, /must|only legal|required/, 'the rule');
    assert.match(fault.message, /^[^ ]+ (is|has|keeps) /, 'what was sent');
    assert.match(error.message, /^Input for create or update policy is not in proper format/);
  });
}

test('daily retention is one day, or seven and more', () => {
  for (const count of [1, 7, 9_999]) {
    policyFromWire({
      ...daily,
      instantRpRetentionRangeInDays: 1,
      retentionPolicy: { ...daily.retentionPolicy, dailySchedule: at(count, 'Days') },
    });
  }
  for (const count of [-1, 0, 2, 6]) {
    const error = faultsOf({
      ...daily,
      retentionPolicy: { ...daily.retentionPolicy, dailySchedule: at(count, 'Days') },
    });
    assert.ok(
      error.details.some((detail) => detail.code === 'BMSUserErrorPolicyRetentionInvalid'),
      `${count}`,
    );
  }
});

test('snapshots leave before the points in the vault do', () => {
  const seven = { ...daily.retentionPolicy, dailySchedule: at(7, 'Days') };
  const error = faultsOf({ ...hourly, retentionPolicy: seven, instantRpRetentionRangeInDays: 7 });
  assert.equal(error.code, 'BMSUserErrorInstantRPRetentionExceedsVaultedRetention');
  policyFromWire({ ...hourly, retentionPolicy: seven, instantRpRetentionRangeInDays: 6 });
});

test('instant restore may last as long as the interval allows', () => {
  for (const [interval, most] of [
    [4, 17],
    [6, 22],
    [8, 30],
    [12, 30],
  ] as const) {
    const wire = {
      ...slots({ interval, scheduleWindowDuration: 24 }),
      retentionPolicy: { ...daily.retentionPolicy, dailySchedule: at(180, 'Days') },
    };
    policyFromWire({ ...wire, instantRpRetentionRangeInDays: most });
    assert.deepEqual(targetsOf({ ...wire, instantRpRetentionRangeInDays: most + 1 }), [
      'instantRpRetentionRangeInDays',
    ]);
  }
});

test('one answer names every fault', () => {
  const targets = targetsOf({
    ...schedule({ scheduleRunTimes: ['noon'] }),
    timeZone: 'Nowhere',
    instantRpRetentionRangeInDays: 'two',
    retentionPolicy: { ...everyRule, monthlySchedule: {}, weeklySchedule: 7 },
  });
  for (const target of [
    'schedulePolicy.scheduleRunTimes[0]',
    'timeZone',
    'instantRpRetentionRangeInDays',
    'retentionPolicy.monthlySchedule.retentionTimes',
    'retentionPolicy.monthlySchedule.retentionDuration',
    'retentionPolicy.monthlySchedule.retentionScheduleFormatType',
    'retentionPolicy.weeklySchedule',
  ]) {
    assert.ok(targets.includes(target), `${target} is not among ${targets}`);
  }
});

test('policies of other workloads are refused by name, not for their form', () => {
  for (const backupManagementType of ['AzureStorage', 'AzureWorkload', 'azuresql', 'MAB', 'DPM']) {
    assert.throws(
      () => policyFromWire({ backupManagementType, schedulePolicy: {} }),
      (error) =>
        isCoded(error, 'NotImplemented') &&
        error.target === 'backupManagementType' &&
        error.message.toLowerCase().includes(backupManagementType.toLowerCase()) &&
        error.message.includes('AzureIaasVM'),
    );
  }
});

test('a tiering policy that the rules allow is kept; what it names does not move', () => {
  for (const archived of [
    { tieringMode: 'DoNotTier', duration: 0, durationType: 'Invalid' },
    { tieringMode: 'TierRecommended', duration: 0, durationType: 'Invalid' },
    { tieringMode: 'TierAfter', duration: 114, durationType: 'Months' },
  ]) {
    assert.deepEqual(policyFromWire(tier(archived)).tieringPolicy, { ArchivedRP: archived });
  }
});
