import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Extent } from '../../lib/extent.ts';
import { withData } from './healing.ts';

async function* streamOf<T>(values: readonly T[]): AsyncIterable<T> {
  yield* values;
}

/** Ascending ranges without overlap, some touching. */
const ranges = fc
  .array(fc.record({ gap: fc.integer({ min: 0, max: 4 }), length: fc.integer({ min: 1, max: 5 }), zero: fc.boolean() }))
  .map((steps) => {
    let at = 0;
    return steps.map(({ gap, length, zero }): Extent => {
      const offset = at + gap;
      at = offset + length;
      return { offset, length, kind: zero ? 'zero' : 'data' };
    });
  });

const paint = (extents: readonly Extent[], onto: string[] = []): string[] => {
  for (const { offset, length, kind } of extents) for (let at = offset; at < offset + length; at++) onto[at] = kind;
  return onto;
};

test('two streams become one that ascends without overlap, and data wins', async () => {
  await fc.assert(
    fc.asyncProperty(ranges, ranges, async (extents, more) => {
      const merged = await Array.fromAsync(withData(streamOf(extents), streamOf(more)));
      let end = 0;
      for (const { offset, length } of merged) {
        assert.ok(offset >= end && length > 0);
        end = offset + length;
      }
      const expected = paint(
        more.map((extent) => ({ ...extent, kind: 'data' })),
        paint(extents),
      );
      assert.deepEqual(paint(merged), expected);
    }),
  );
});
