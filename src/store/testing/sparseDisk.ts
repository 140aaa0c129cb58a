import type { Extent } from '../../lib/extent.ts';

/** A disk of any size of which only what was written takes memory. */
export class SparseDisk {
  static readonly #block = 4096;
  readonly sizeBytes: number;
  readonly #blocks = new Map<number, Uint8Array>();
  /** Ranges written since the last `takeChanges`. */
  #changes: Extent[] = [];

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes;
  }

  write(offset: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const block = Math.floor((offset + at) / SparseDisk.#block);
      const within = (offset + at) % SparseDisk.#block;
      const count = Math.min(SparseDisk.#block - within, bytes.length - at);
      const held = this.#blocks.get(block) ?? new Uint8Array(SparseDisk.#block);
      held.set(bytes.subarray(at, at + count), within);
      this.#blocks.set(block, held);
      at += count;
    }
    this.#changes.push({ kind: 'data', offset, length: bytes.length });
  }

  zero(offset: number, length: number): void {
    this.write(offset, new Uint8Array(length));
    this.#changes.pop();
    this.#changes.push({ kind: 'zero', offset, length });
  }

  readonly read = (offset: number, length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const block = Math.floor((offset + at) / SparseDisk.#block);
      const within = (offset + at) % SparseDisk.#block;
      const count = Math.min(SparseDisk.#block - within, length - at);
      const held = this.#blocks.get(block);
      if (held) bytes.set(held.subarray(within, within + count), at);
      at += count;
    }
    return bytes;
  };

  /** All that was ever written, as whole blocks, ascending. */
  dataExtents(): readonly Extent[] {
    return [...this.#blocks.keys()]
      .sort((a, b) => a - b)
      .map((block) => {
        const offset = block * SparseDisk.#block;
        return { kind: 'data', offset, length: Math.min(SparseDisk.#block, this.sizeBytes - offset) };
      });
  }

  /** Ascending and without overlap; where a zeroed range met a written one it is data. */
  takeChanges(): readonly Extent[] {
    const edges = [...new Set(this.#changes.flatMap(({ offset, length }) => [offset, offset + length]))].sort(
      (a, b) => a - b,
    );
    const extents: Extent[] = [];
    for (const [index, offset] of edges.entries()) {
      const end = edges[index + 1];
      if (end === undefined) break;
      const over = this.#changes.filter((one) => one.offset <= offset && one.offset + one.length >= end);
      if (over.length === 0) continue;
      extents.push({ kind: over.every(({ kind }) => kind === 'zero') ? 'zero' : 'data', offset, length: end - offset });
    }
    this.#changes = [];
    return extents;
  }

  copy(): SparseDisk {
    const copy = new SparseDisk(this.sizeBytes);
    for (const [block, bytes] of this.#blocks) copy.#blocks.set(block, new Uint8Array(bytes));
    return copy;
  }
}
