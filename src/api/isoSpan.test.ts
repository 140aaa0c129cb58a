import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isoSpan } from './isoSpan.ts';

test('a span is two moments, the earlier first; without a zone they are UTC, and az encodes it twice', () => {
  const hour = { from: Date.UTC(2026, 0, 5, 8), to: Date.UTC(2026, 0, 5, 9) };
  for (const text of [
    '2026-01-05T08:00:00Z/2026-01-05T09:00:00Z',
    '2026-01-05T08:00:00.000000/2026-01-05T09:00',
    '2026-01-05T10:00:00+02:00/2026-01-05T09:00:00Z',
    '2026-01-05T08%3A00%3A00.000000%2F2026-01-05T09%3A00%3A00.000000',
  ])
    assert.deepEqual(isoSpan(text), hour, text);
  assert.equal(isoSpan('2026-01-05/2026-01-06')?.to, Date.UTC(2026, 0, 6));
  for (const text of [
    '',
    'x/y',
    '%2F%zz',
    '2026-01-05',
    '2026-01-06/2026-01-05',
    '2026-01-05/2026-01-06/2026-01-07',
    '1/2',
    '2026-13-05/2026-14-05',
  ])
    assert.equal(isoSpan(text), undefined, text);
});
