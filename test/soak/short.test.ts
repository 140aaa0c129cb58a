import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SoakRun } from './part.ts';
import { PARTS } from './parts.ts';

/** Changed by hand when another sample is wanted; a long run draws its own: npm run soak. */
const SEED = 20_260_302;

// those that wait for processes of their own, and for the disk, leave time to others
void describe('soak, in short', { concurrency: 2 }, () => {
  for (const part of PARTS)
    test(part.name, { skip: part.missing?.() ?? false }, async (t) => {
      const run = new SoakRun({ seed: SEED, isLong: false, minutes: 0 });
      await part.run(run);
      assert.ok(run.counts.size > 0, 'something was done to it');
      t.diagnostic([...run.counts].map(([count, times]) => `${times} ${count}`).join(', '));
    });
});
