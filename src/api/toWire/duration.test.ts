import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isoDuration } from './duration.ts';

test('durations are written as ISO 8601 in hours, minutes and seconds', () => {
  const cases: [number, string][] = [
    [0, 'PT0S'],
    [-5, 'PT0S'],
    [250, 'PT0.25S'],
    [10_500, 'PT10.5S'],
    [3_600_000, 'PT1H'],
    [93_784_500, 'PT26H3M4.5S'],
  ];
  for (const [ms, text] of cases) assert.equal(isoDuration(ms), text);
});
