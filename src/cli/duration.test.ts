import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatBytes, formatDuration, parseDurationMs } from './duration.ts';

test('reads ISO 8601 and .NET durations', () => {
  assert.equal(parseDurationMs('PT10.5S'), 10_500);
  assert.equal(parseDurationMs('P1DT2H3M4S'), 93_784_000);
  assert.equal(parseDurationMs('00:20:23.0812345'), 1_223_081);
  assert.equal(parseDurationMs('1.02:00:00'), 93_600_000);
  for (const text of ['', 'P', 'PT', '20:23', 'soon']) assert.equal(parseDurationMs(text), undefined, text);
});

test('says durations in two units at most', () => {
  const said = [400, 42_000, 59_600, 185_000, 7_620_000, 273_600_000].map(formatDuration);
  assert.deepEqual(said, ['0.4 s', '42 s', '1 min 00 s', '3 min 05 s', '2 h 07 min', '3 d 04 h']);
});

test('says sizes in binary units with three digits at most', () => {
  const said = [0, 999, 1000, 12.5 * 1024 ** 2, 640 * 1024 ** 3, 1023 * 1024 ** 2].map(formatBytes);
  assert.deepEqual(said, ['0 B', '999 B', '1.0 KiB', '12.5 MiB', '640 GiB', '1.0 GiB']);
  fc.assert(fc.property(fc.nat(2 ** 50), (size) => formatBytes(size).length <= 'xxx.x KiB'.length));
});
