import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Extent } from '../../lib/extent.ts';
import { CellPlan, planCells, runEnd } from './cellPlan.ts';

const CHUNK = 65_536;
const { keep, zero, read } = CellPlan;

const plan = (extents: readonly Extent[], whole: boolean, diskSizeBytes = 4 * CHUNK): readonly number[] => [
  ...planCells({ diskSizeBytes, extents, whole }, 0, CHUNK),
];

describe('the plan of a leaf', () => {
  it('keeps or zeroes what no extent touches', () => {
    assert.deepEqual(plan([], false), [keep, keep, keep, keep]);
    assert.deepEqual(plan([], true), [zero, zero, zero, zero]);
  });

  it('reads every cell that data touches, by one byte or all', () => {
    const extents: Extent[] = [{ kind: 'data', offset: CHUNK - 1, length: 2 }];
    assert.deepEqual(plan(extents, false), [read, read, keep, keep]);
    assert.deepEqual(plan(extents, true), [read, read, zero, zero]);
  });

  it('reads a cell that a zero extent covers in part, and zeroes one that it covers whole', () => {
    const extents: Extent[] = [{ kind: 'zero', offset: 10, length: 2 * CHUNK }];
    assert.deepEqual(plan(extents, false), [read, zero, read, keep]);
  });

  it("takes the disk's end for the end of its last cell", () => {
    const extents: Extent[] = [{ kind: 'zero', offset: CHUNK, length: 100 }];
    assert.deepEqual(plan(extents, false, CHUNK + 100), [keep, zero]);
  });

  it('reads a cell that a zero and a data extent share', () => {
    const extents: Extent[] = [
      { kind: 'data', offset: 0, length: 100 },
      { kind: 'zero', offset: 100, length: CHUNK - 100 },
    ];
    assert.deepEqual(plan(extents, false), [read, keep, keep, keep]);
  });

  it('ignores what lies outside the leaf', () => {
    const leaf = 512 * CHUNK;
    const extents: Extent[] = [
      { kind: 'data', offset: 0, length: leaf },
      { kind: 'data', offset: leaf + CHUNK, length: 1 },
      { kind: 'data', offset: 3 * leaf, length: 1 },
    ];
    const cells = [...planCells({ diskSizeBytes: 4 * leaf, extents, whole: false }, leaf, CHUNK)];
    assert.deepEqual(
      cells.flatMap((one, cell) => (one === read ? [cell] : [])),
      [1],
    );
    assert.equal(cells.length, 512);
  });

  it('is read in runs of limited length', () => {
    const cells = Uint8Array.from([read, read, read, keep, read]);
    assert.equal(runEnd(cells, 0, 2), 2);
    assert.equal(runEnd(cells, 2, 2), 3);
    assert.equal(runEnd(cells, 4, 2), 5);
  });
});
