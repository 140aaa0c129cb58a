import type { Extent } from '../../lib/extent.ts';
import { LEAF_CELLS } from '../tree.ts';

/** What is to be done with a cell of a leaf. */
export const CellPlan = { keep: 0, zero: 1, read: 2 } as const;

/**
 * One entry for every cell of the leaf that lies on the disk. A cell is zero only when one zero extent covers all of
 * it that lies on the disk; whatever an extent touches otherwise is read.
 */
export const planCells = (
  job: { readonly diskSizeBytes: number; readonly extents: readonly Extent[]; readonly whole: boolean },
  start: number,
  chunkSizeBytes: number,
): Uint8Array => {
  const end = Math.min(start + LEAF_CELLS * chunkSizeBytes, job.diskSizeBytes);
  const plan = new Uint8Array(Math.ceil(Math.max(0, end - start) / chunkSizeBytes));
  plan.fill(job.whole ? CellPlan.zero : CellPlan.keep);
  const touched = new Uint8Array(plan.length);
  for (const extent of job.extents) {
    const from = Math.max(extent.offset, start);
    const to = Math.min(extent.offset + extent.length, end);
    for (let cell = Math.floor((from - start) / chunkSizeBytes); start + cell * chunkSizeBytes < to; cell++) {
      const cellStart = start + cell * chunkSizeBytes;
      const covered = from <= cellStart && to >= Math.min(cellStart + chunkSizeBytes, end);
      plan[cell] = extent.kind === 'zero' && covered && !touched[cell] ? CellPlan.zero : CellPlan.read;
      touched[cell] = 1;
    }
  }
  return plan;
};

/** Where the run of cells to be read that begins at `cell` ends; `most` cells at most. */
export const runEnd = (plan: Uint8Array, cell: number, most: number): number => {
  let end = cell + 1;
  while (end < plan.length && end - cell < most && plan[end] === CellPlan.read) end++;
  return end;
};
