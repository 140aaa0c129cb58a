import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { defaultPolicy } from './defaultPolicies.ts';
import type { PolicyRules, Retention } from './policy.ts';
import type { RecoveryPoint } from './recoveryPoint.ts';
import { decideVaulted } from './retention.ts';
import { simulateRetention } from './retentionSimulator.ts';
import { occurrencesBetween } from './schedule.ts';

const DAY_MS = 86_400_000;
const FROM = Date.parse('2026-11-20T05:00:00Z');

const anyRetention = fc.record(
  {
    daily: fc.record({ days: fc.integer({ min: 1, max: 60 }) }),
    weekly: fc.record({ weeks: fc.integer({ min: 1, max: 30 }), on: fc.constant(['Sunday' as const]) }),
    monthly: fc.record({
      months: fc.integer({ min: 1, max: 20 }),
      on: fc.constant({ format: 'Daily' as const, daysOfMonth: [1, 0] }),
    }),
    yearly: fc.record({
      years: fc.integer({ min: 1, max: 3 }),
      inMonths: fc.constant(['January' as const]),
      on: fc.constant({ format: 'Weekly' as const, days: ['Sunday' as const], weeks: ['First' as const] }),
    }),
  },
  { requiredKeys: ['daily'] },
) as fc.Arbitrary<Retention>;

test('what the simulator says is what retention decides once that time has come', async () => {
  await fc.assert(
    fc.asyncProperty(
      anyRetention,
      fc.constantFrom('fixedOffset' as const, 'wallClock' as const),
      fc.constantFrom<PolicyRules['schedule']>(
        { frequency: 'Daily', time: '23:30' },
        { frequency: 'Hourly', intervalHours: 6, windowStart: '20:00', windowHours: 12 },
      ),
      fc.integer({ min: 1, max: 900 }),
      async (retention, daylightSaving, schedule, days) => {
        const zone = { timeZone: 'America/New_York', daylightSaving, schedule };
        const policy: PolicyRules = { ...defaultPolicy(FROM), ...zone, retention };
        const until = FROM + days * DAY_MS;
        const points = occurrencesBetween(policy, FROM, until).filter(({ isLastOfDay }) => isLastOfDay);
        const decisions = decideVaulted(points.map(pointAt), policy, { now: until });
        const { kept, backups, byRule } = await simulateRetention(policy, { from: FROM, until, history: [] });
        assert.equal(backups, points.length);
        assert.deepEqual(
          kept.map(({ takenAt, expiresAt, reasons }) => [String(takenAt), expiresAt, reasons.map(({ rule }) => rule)]),
          decisions
            .filter(({ keep }) => keep)
            .map(({ pointId, expiresAt, reasons }) => [pointId, expiresAt, reasons.filter((one) => RULES.has(one))]),
        );
        for (const { rule, points: count } of byRule)
          assert.equal(count, kept.filter(({ reasons }) => reasons.some((one) => one.rule === rule)).length);
      },
    ),
    { numRuns: process.env.STRONGROOM_LONG ? 2_000 : 60 },
  );
});

test('backups there already are go on by the same rules, and breath is taken over many years', async () => {
  let breaths = 0;
  const policy: PolicyRules = { ...defaultPolicy(FROM), retention: { daily: { days: 10 } } };
  const history = [{ takenAt: FROM - 4 * DAY_MS }, { takenAt: FROM - DAY_MS, retainUntil: FROM + 3_000 * DAY_MS }];
  const soon = await simulateRetention(policy, { from: FROM, until: FROM + 5 * DAY_MS, history });
  assert.equal(soon.kept.length, 7);
  assert.deepEqual(soon.kept.at(-1)?.reasons, [{ rule: 'daily', until: FROM + 6 * DAY_MS }]);
  const late = await simulateRetention(policy, { from: FROM, until: FROM + 2_999 * DAY_MS, history }, async () => {
    breaths++;
  });
  assert.deepEqual(late.kept.at(-1)?.reasons, [{ rule: 'on-demand', until: FROM + 3_000 * DAY_MS }]);
  assert.ok(breaths > 8);
});

const RULES = new Set<string>(['daily', 'weekly', 'monthly', 'yearly', 'on-demand']);

const pointAt = ({ at, key }: { readonly at: number; readonly key: string }, i: number): RecoveryPoint => ({
  ...{ id: String(at), vaultId: 'v', itemId: 'i', jobId: 'j', takenAt: at, consistency: 'application' as const },
  ...{ occurrenceKey: key, vaulted: { commitName: 'c', cseq: i + 1, storedAt: at } },
  ...{ keptBy: [], disks: [], excludedDisks: [], machine: {} },
});
