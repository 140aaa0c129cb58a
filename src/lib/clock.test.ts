import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isoTime } from './clock.ts';

test('property: a time is written as Date writes it', () => {
  const inRange = fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 });
  const near = fc.tuple(inRange, fc.array(fc.integer({ min: -86_400_000, max: 86_400_000 }), { maxLength: 8 }));
  fc.assert(
    fc.property(near, ([start, steps]) => {
      for (const ms of [start, ...steps.map((step) => start + step)])
        assert.equal(isoTime(ms), new Date(ms).toISOString());
    }),
  );
  for (const ms of [0, 86_399_999, 86_400_000, 253_402_300_799_999, 253_402_300_800_000, 1.5, -1])
    assert.equal(isoTime(ms), new Date(ms).toISOString());
  assert.throws(() => isoTime(Number.NaN), RangeError);
});
