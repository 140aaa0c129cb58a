import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeVault, VAULT } from './testing/paths.ts';
import { testServer } from './testing/testServer.ts';

const POLICY = `${VAULT}/backupPolicies`;
const AT = '2026-01-05T02:30:00Z';

const berlin = (daylightSaving: string, retention: object = {}) => ({
  backupManagementType: 'AzureIaasVM',
  schedulePolicy: {
    schedulePolicyType: 'SimpleSchedulePolicy',
    scheduleRunFrequency: 'Daily',
    scheduleRunTimes: [AT],
  },
  retentionPolicy: {
    retentionPolicyType: 'LongTermRetentionPolicy',
    dailySchedule: { retentionTimes: [AT], retentionDuration: { count: 30, durationType: 'Days' } },
    ...retention,
  },
  timeZone: 'W. Europe Standard Time',
  strongroom: { daylightSaving },
});
const monthly = (count: number) => ({
  monthlySchedule: {
    retentionScheduleFormatType: 'Daily',
    retentionScheduleDaily: { daysOfTheMonth: [{ date: 1, isLast: false }] },
    retentionTimes: [AT],
    retentionDuration: { count, durationType: 'Months' },
  },
});

test('the next runs tell what clocks show, and why it is not what the policy says', async () => {
  await using server = await testServer();
  await makeVault(server);
  const around = { from: '2027-03-27T12:00:00Z', until: '2027-03-29T12:00:00Z' };
  const next = async (daylightSaving: string) => {
    await server.call('PUT', `${POLICY}/nightly`, { properties: berlin(daylightSaving) });
    const { status, body } = await server.call('POST', `${POLICY}/nightly/nextRuns`, around);
    assert.equal(status, 200, JSON.stringify(body));
    return body.value.map((run: { at: string; wallClock: string; note?: string }) => [run.at, run.wallClock, run.note]);
  };
  assert.deepEqual(await next('fixedOffset'), [
    [
      '2027-03-28T01:30:00.000Z',
      '2027-03-28T03:30:00+02:00',
      'Clocks show 03:30: the policy keeps the standard offset of its zone through daylight saving.',
    ],
    [
      '2027-03-29T01:30:00.000Z',
      '2027-03-29T03:30:00+02:00',
      'Clocks show 03:30: the policy keeps the standard offset of its zone through daylight saving.',
    ],
  ]);
  assert.deepEqual(await next('wallClock'), [
    ['2027-03-28T01:00:00.000Z', '2027-03-28T03:00:00+02:00', 'Clocks show 03:00: clocks leap over 02:30 on this day.'],
    ['2027-03-29T00:30:00.000Z', '2027-03-29T02:30:00+02:00', undefined],
  ]);
});

test('without a body the next ten runs are told, and what is asked for wrongly is named', async () => {
  await using server = await testServer();
  await makeVault(server);
  const ten = await server.call('POST', `${POLICY}/EnhancedPolicy/nextRuns`);
  assert.equal(ten.body.value.length, 10);
  assert.deepEqual([ten.body.timeZone, ten.body.daylightSaving], ['UTC', 'fixedOffset']);
  assert.equal(ten.body.value.filter((run: { goesToVault: boolean }) => run.goesToVault).length >= 2, true);
  for (const [body, target] of [
    [{ from: 'tomorrow' }, 'from'],
    [{ from: '2027-01-02', until: '2027-01-01' }, 'until'],
    [{ count: 0 }, 'count'],
  ] as const) {
    const { status, body: answer } = await server.call('POST', `${POLICY}/DefaultPolicy/nextRuns`, body);
    assert.equal(status, 400);
    assert.ok(JSON.stringify(answer.error).includes(target), JSON.stringify(answer));
  }
  assert.equal((await server.call('POST', `${POLICY}/nowhere/nextRuns`)).status, 404);
});

test('a draft is simulated without being saved: what is kept in two years, until when and why', async () => {
  await using server = await testServer();
  await makeVault(server);
  const from = '2027-01-01T00:00:00Z';
  const { status, body } = await server.call('POST', `${VAULT}/simulatePolicy`, {
    properties: berlin('fixedOffset', monthly(24)),
    from,
    until: '2029-01-01T00:00:00Z',
    history: [{ takenAt: '2026-12-31T09:00:00Z', retainUntil: '2035-01-01T00:00:00Z' }],
  });
  assert.equal(status, 200, JSON.stringify(body));
  // 731 nights and the one of before; the last 30 nights, the firsts of 24 months, the old one.
  assert.equal(body.backups, 732);
  assert.equal(body.keptCount, 30 + 24 + 1);
  assert.deepEqual(body.byRule.map(({ rule, points }: { rule: string; points: number }) => [rule, points]).sort(), [
    ['daily', 30],
    ['monthly', 24],
    ['on-demand', 1],
  ]);
  assert.equal(body.kept[0].expiresAt, undefined, 'the newest has no end');
  assert.deepEqual(body.kept.at(-1), {
    takenAt: '2026-12-31T09:00:00.000Z',
    expiresAt: '2035-01-01T00:00:00.000Z',
    reasons: [{ rule: 'on-demand', until: '2035-01-01T00:00:00.000Z' }],
  });
  assert.deepEqual(body.kept.at(-2), {
    takenAt: '2027-01-01T01:30:00.000Z',
    day: '2027-01-01',
    expiresAt: '2029-01-01T01:30:00.000Z',
    reasons: [{ rule: 'monthly', until: '2029-01-01T01:30:00.000Z' }],
  });
  assert.equal((await server.call('GET', POLICY)).body.value.length, 2, 'nothing was saved');
  const wrong = await server.call('POST', `${VAULT}/simulatePolicy`, { properties: {} });
  assert.equal(wrong.body.error.code, 'BMSUserErrorInvalidPolicyInput');
});

test('a saved policy is simulated by its name; as many points are listed as were asked for', async () => {
  await using server = await testServer();
  await makeVault(server);
  const { body } = await server.call('POST', `${POLICY}/DefaultPolicy/simulateRetention`, { years: 2, limit: 3 });
  assert.deepEqual([body.keptCount, body.kept.length, body.snapshots], [30, 3, 2]);
  assert.deepEqual(
    body.growth.map(({ points }: { points: number }) => points),
    [30, 30],
  );
});
