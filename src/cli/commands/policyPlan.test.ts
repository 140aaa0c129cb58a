import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { runCli } from '../testing/runCli.ts';
import { POLICY, policy, VAULT } from '../testing/samples.ts';
import { IN_VAULT, startWorld, type World } from '../testing/world.ts';

let world: World;
before(async () => {
  world = await startWorld();
});
beforeEach(() => world.reset());
after(() => world[Symbol.asyncDispose]());

const AT = '2027-03-28T01:30:00.000Z';
const SIMULATION = {
  ...{ from: '2027-01-01T00:00:00.000Z', until: '2029-01-01T00:00:00.000Z', backups: 731, keptCount: 54, snapshots: 2 },
  kept: [
    { takenAt: AT, day: '2027-03-28', reasons: [] },
    { takenAt: AT, day: '2027-03-27', expiresAt: AT, reasons: [{ rule: 'monthly', until: AT }] },
  ],
  byRule: [{ rule: 'monthly', points: 24, oldest: AT }],
  growth: [{ at: AT, points: 54 }],
};

test('next-runs prints one line a run', async () => {
  const run = { at: AT, scheduledTime: '02:30', day: '2027-03-28', wallClock: '2027-03-28T03:30:00+02:00' };
  const value = [{ ...run, goesToVault: true, note: 'Clocks show 03:30.' }];
  world.on('POST', `${POLICY}/nextRuns`, { body: { timeZone: 'UTC', daylightSaving: 'fixedOffset', value } });
  const words = ['policy', 'next-runs', ...IN_VAULT, '-n', policy.name, '--count', '3', '--until', '2028-01-01'];
  const { code, stdout, stderr } = await runCli(world, ...words, '-o', 'table');
  assert.equal(code, 0, stderr);
  assert.deepEqual(world.bodyOf('POST'), { count: 3, until: '2028-01-01' });
  const [head, , line] = stdout.split('\n');
  assert.match(head ?? '', /^At +ScheduledTime +Day +WallClock +GoesToVault +Note/);
  assert.match(line ?? '', /^2027-03-28T01:30:00.000Z +02:30 .*Clocks show 03:30\./);
});

test('simulate asks by name or with a draft, and shows why each point is kept', async () => {
  world.on('POST', `${POLICY}/simulateRetention`, { body: SIMULATION });
  world.on('POST', `${VAULT}/simulatePolicy`, { body: SIMULATION });
  const named = await runCli(
    world,
    'policy',
    'simulate',
    ...IN_VAULT,
    '-n',
    policy.name,
    '--years',
    '2',
    '-o',
    'table',
  );
  assert.equal(named.code, 0, named.stderr);
  assert.deepEqual(world.bodyOf('POST'), { years: 2 });
  assert.match(named.stdout, /monthly until 2027-03-28/);
  assert.match(named.stderr, /731 backups .*54 kept .*2 as snapshots/);
  const draft = await runCli(world, 'policy', 'simulate', ...IN_VAULT, '--file', JSON.stringify(policy));
  assert.deepEqual([draft.code, JSON.parse(draft.stdout)], [0, SIMULATION]);
  assert.deepEqual(world.bodyOf('POST'), { properties: JSON.parse(JSON.stringify(policy)).properties });
  const growth = await runCli(world, 'policy', 'simulate', ...IN_VAULT, '-n', policy.name, '--part', 'growth');
  assert.deepEqual(JSON.parse(growth.stdout), SIMULATION.growth);
  const both = await runCli(world, 'policy', 'simulate', ...IN_VAULT, '-n', 'a', '--file', '{}');
  const neither = await runCli(world, 'policy', 'simulate', ...IN_VAULT);
  const wrong = await runCli(world, 'policy', 'simulate', ...IN_VAULT, '-n', 'a', '--years', 'two');
  assert.deepEqual([both.code, neither.code, wrong.code], [2, 2, 2]);
});
