import { CodedError } from '../../lib/error.ts';
import type { Extent } from '../../lib/extent.ts';
import { leafSpanBytes } from '../../store/tree.ts';

/** What is to be done with one leaf of a disk. */
export interface LeafGroup {
  readonly index: number;
  /** `zero`: all of it is zero, nothing is to be read. */
  readonly kind: 'write' | 'zero';
  /** Whole cells of this leaf, cut at the disk's end, ascending; neighbours of one kind are one. */
  readonly extents: readonly Extent[];
}

export interface DiskGeometry {
  readonly sizeBytes: number;
  readonly chunkSizeBytes: number;
}

/**
 * Sorts a stream of extents into leaves and rounds it to whole cells, holding one leaf at a time. A cell that data or
 * only part of a zero range touches is data. Leaves that nothing touches do not appear.
 * Errors: SourceExtentsInvalid (order, overlap, outside the disk).
 */
export async function* leafGroups(extents: AsyncIterable<Extent>, geometry: DiskGeometry): AsyncIterable<LeafGroup> {
  let leaf: LeafCells | undefined;
  const span = leafSpanBytes(geometry.chunkSizeBytes);
  let position = 0;
  for await (const extent of extents) {
    checkExtent(extent, position, geometry.sizeBytes);
    const end = extent.offset + extent.length;
    for (position = extent.offset; position < end; ) {
      const index = Math.floor(position / span);
      const stop = Math.min(end, (index + 1) * span);
      if (leaf?.index !== index) {
        if (leaf) yield leaf.group();
        leaf = new LeafCells(index, geometry);
      }
      leaf.touch(position, stop, extent.kind);
      position = stop;
    }
  }
  if (leaf) yield leaf.group();
}

function checkExtent(extent: Extent, position: number, sizeBytes: number): void {
  const { offset, length } = extent;
  const sound = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && length > 0;
  if (sound && offset >= position && offset + length <= sizeBytes) return;
  throw new CodedError(
    'SourceExtentsInvalid',
    `The source named the extent [${offset}, ${offset + length}) after byte ${position} of a disk of ${sizeBytes} bytes; extents must ascend, not overlap, not be empty and lie inside the disk`,
  );
}

/** Bytes of zero and whether data was seen, cell by cell; made for one leaf and thrown away. */
class LeafCells {
  readonly index: number;
  readonly #geometry: DiskGeometry;
  readonly #start: number;
  readonly #end: number;
  /** Zero bytes named in each cell; NaN: data. */
  readonly #zeroBytes: Float64Array;

  constructor(index: number, geometry: DiskGeometry) {
    const span = leafSpanBytes(geometry.chunkSizeBytes);
    this.index = index;
    this.#geometry = geometry;
    this.#start = index * span;
    this.#end = Math.min(geometry.sizeBytes, this.#start + span);
    this.#zeroBytes = new Float64Array(Math.ceil((this.#end - this.#start) / geometry.chunkSizeBytes));
  }

  touch(from: number, to: number, kind: Extent['kind']): void {
    const { chunkSizeBytes } = this.#geometry;
    for (let position = from; position < to; ) {
      const cell = Math.floor((position - this.#start) / chunkSizeBytes);
      const stop = Math.min(to, this.#start + (cell + 1) * chunkSizeBytes);
      this.#zeroBytes[cell]! += kind === 'data' ? Number.NaN : stop - position;
      position = stop;
    }
  }

  group(): LeafGroup {
    const extents: { offset: number; length: number; kind: Extent['kind'] }[] = [];
    this.#zeroBytes.forEach((zeroBytes, cell) => {
      if (zeroBytes === 0) return;
      const offset = this.#start + cell * this.#geometry.chunkSizeBytes;
      const length = Math.min(this.#geometry.chunkSizeBytes, this.#end - offset);
      const kind = zeroBytes === length ? 'zero' : 'data';
      const last = extents.at(-1);
      if (last && last.kind === kind && last.offset + last.length === offset) last.length += length;
      else extents.push({ offset, length, kind });
    });
    const only = extents.length === 1 ? extents[0] : undefined;
    const allZero = only?.kind === 'zero' && only.length === this.#end - this.#start;
    return { index: this.index, kind: allZero ? 'zero' : 'write', extents };
  }
}
