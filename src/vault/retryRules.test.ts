import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Job } from './job.ts';
import { attemptsOf, nextAttemptAt } from './retryRules.ts';

const job = (attempt: number, patch: Partial<Pick<Job, 'operation' | 'parameters'>> = {}) => ({
  operation: 'Backup' as const,
  parameters: {},
  attempt,
  ...patch,
});
const restOf = (attempt: number, random = 0) =>
  nextAttemptAt(job(attempt), { code: 'SnapshotFailed' }, { now: 0, random });

test('a backup is tried nine times, resting longer and longer, for a quarter of an hour at most', () => {
  const rests = Array.from({ length: 9 }, (_, i) => restOf(i + 1));
  assert.deepEqual(rests, [15e3, 30e3, 60e3, 120e3, 240e3, 480e3, 900e3, 900e3, undefined]);
});

test('the rest is shortened by a fifth at most', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
      const [rest, full] = [restOf(attempt, random) ?? 0, restOf(attempt) ?? 0];
      assert.ok(rest <= full && rest >= full * 0.8 - 1);
    }),
  );
});

test('what a person has to mend is not tried again, nor what nobody knows', () => {
  for (const code of ['UserErrorBcmDatasourceNotPresent', 'BCMV2VMNotFound', 'StoreFull', 'NoSuchCode'])
    assert.equal(nextAttemptAt(job(1), { code }, { now: 0, random: 0 }), undefined, code);
});

test('a scheduled backup gives way to the next one', () => {
  const until = (retryUntil: number) =>
    nextAttemptAt(job(1, { parameters: { retryUntil } }), { code: 'SnapshotFailed' }, { now: 0, random: 0 });
  assert.deepEqual([until(15_001), until(15_000)], [15_000, undefined]);
});

test('a restore is tried three times', () => {
  assert.equal(attemptsOf({ operation: 'Restore' }), 3);
  const at = (attempt: number) =>
    nextAttemptAt(job(attempt, { operation: 'Restore' }), { code: 'StoreIoFailed' }, { now: 0, random: 0 });
  assert.deepEqual([at(1), at(2), at(3)], [15_000, 30_000, undefined]);
});
