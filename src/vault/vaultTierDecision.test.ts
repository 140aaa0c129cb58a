import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RecoveryPoint, VaultTier } from './recoveryPoint.ts';
import { decideVaulted, type RetentionDecision } from './retention.ts';
import { decideVaultTier } from './vaultTierDecision.ts';

const DAY_MS = 86_400_000;
const NOW = 100 * DAY_MS;
const context = { now: NOW, isPaused: false, softDeleteRetentionDays: 14 };
const tier = (more: Partial<VaultTier> = {}): VaultTier => ({ commitName: 'c', cseq: 1, storedAt: 0, ...more });
const decision = (more: Partial<RetentionDecision>): RetentionDecision => ({
  ...{ pointId: 'p', keep: false, reasons: ['daily'] },
  ...more,
});

test('what time has run out for goes at once', () => {
  const gone = decideVaultTier(tier({ expiresAt: NOW }), decision({ expiresAt: NOW }), context);
  assert.deepEqual(gone, tier({ expiresAt: NOW, deletedAt: NOW }));
  assert.equal(decideVaultTier(tier(), decision({ expiresAt: NOW }), context).deletedAt, NOW, 'nothing was promised');
});

test('what a shorter policy lets go is soft-deleted first, and goes when nobody takes it back', () => {
  const cut = decideVaultTier(tier({ expiresAt: NOW + 1 }), decision({ expiresAt: NOW - DAY_MS }), context);
  const purgeAt = NOW + 14 * DAY_MS;
  assert.deepEqual(cut, tier({ expiresAt: purgeAt, softDelete: { deletedAt: NOW, purgeAt } }));
  const later = (now: number) => decideVaultTier(cut, decision({ expiresAt: NOW - DAY_MS }), { ...context, now });
  assert.deepEqual(later(purgeAt - 1), cut);
  assert.equal(later(purgeAt).deletedAt, purgeAt);
});

test('a longer policy takes it back; while protection is stopped nothing moves', () => {
  const softDelete = { deletedAt: NOW - DAY_MS, purgeAt: NOW + 13 * DAY_MS };
  const cut = tier({ expiresAt: softDelete.purgeAt, softDelete });
  const end = NOW + 50 * DAY_MS;
  assert.deepEqual(decideVaultTier(cut, decision({ keep: true, expiresAt: end }), context), tier({ expiresAt: end }));
  const stopped = decision({ keep: true, reasons: ['protection is stopped'] });
  const paused = { ...context, now: NOW + 99 * DAY_MS, isPaused: true };
  assert.deepEqual(decideVaultTier(cut, stopped, paused), cut);
  assert.deepEqual(decideVaultTier(tier({ expiresAt: end }), stopped, paused), tier({ ruledUntil: end }), 'remembered');
});

test('the newest point, held whatever the rules say, keeps what it was promised before a shorter policy', () => {
  const held = { keep: true, reasons: ['newest point is always kept'] } as const;
  const end = NOW + 20 * DAY_MS;
  const newest = decideVaultTier(tier(), decision({ ...held, rulesUntil: end }), context);
  assert.deepEqual(newest, tier({ ruledUntil: end }));
  const shortened = decideVaultTier(newest, decision({ ...held, rulesUntil: NOW - 1 }), context);
  assert.deepEqual(shortened, newest);
  assert.ok(decideVaultTier(shortened, decision({ expiresAt: NOW - 1 }), context).softDelete, 'superseded in time');
  const late = decideVaultTier(shortened, decision({ expiresAt: NOW - 1 }), { ...context, now: end });
  assert.equal(late.deletedAt, end, 'superseded after what it was promised');
});

test('however a policy is changed, no point goes before its time without its days of soft delete', () => {
  const anyStep = fc.record({
    days: fc.integer({ min: 1, max: 9 }),
    keepDays: fc.integer({ min: 1, max: 40 }),
    isPaused: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 5, maxLength: 40 }), (steps) => {
      let now = NOW;
      const points = new Map<string, RecoveryPoint>();
      const promised = new Map<string, number>();
      const refusedSince = new Map<string, number>();
      for (const { days, keepDays, isPaused } of steps) {
        now += days * DAY_MS;
        const id = String(now);
        points.set(id, pointOf(id, now, points.size + 1));
        const policy = { retention: { daily: { days: keepDays } }, instantRestoreDays: 1 };
        for (const one of decideVaulted([...points.values()], policy, { now, isPaused })) {
          const point = points.get(one.pointId)!;
          const vaulted = decideVaultTier(point.vaulted!, one, { ...context, now, isPaused });
          if (one.keep && !isPaused) refusedSince.delete(one.pointId);
          if (!one.keep) refusedSince.set(one.pointId, refusedSince.get(one.pointId) ?? now);
          if (vaulted.deletedAt !== undefined) {
            const wasPromised = promised.get(one.pointId) ?? 0;
            const since = refusedSince.get(one.pointId)!;
            assert.ok(!isPaused && !one.keep);
            assert.ok(wasPromised <= since || now - since >= 14 * DAY_MS, 'gone too soon');
            points.delete(one.pointId);
            continue;
          }
          if (!isPaused && one.keep) promised.set(one.pointId, one.expiresAt ?? one.rulesUntil ?? 0);
          points.set(one.pointId, { ...point, vaulted });
        }
      }
    }),
    { numRuns: process.env.STRONGROOM_LONG ? 20_000 : 300 },
  );
});

const pointOf = (id: string, takenAt: number, cseq: number): RecoveryPoint => ({
  ...{ id, vaultId: 'v', itemId: 'i', jobId: 'j', takenAt, consistency: 'application', keptBy: [], disks: [] },
  ...{ occurrenceKey: `${new Date(takenAt).toISOString().slice(0, 10)}/00:00`, excludedDisks: [], machine: {} },
  vaulted: tier({ cseq }),
});
