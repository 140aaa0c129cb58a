import type { Extent } from '../../../lib/extent.ts';
import { CHUNK_BYTES } from '../backup.ts';
import { SparseDisk } from '../sparseDisk.ts';

/** The two states of the disk in the golden vault, made from nothing but this. */
export const goldenDisks = (): { first: SparseDisk; second: SparseDisk; changes: readonly Extent[] } => {
  const first = new SparseDisk(700 * CHUNK_BYTES + 512);
  first.write(4096, Buffer.alloc(5000, 'golden '));
  first.write(
    10 * CHUNK_BYTES,
    Uint8Array.from({ length: 600 }, (_, at) => (at * at * 31 + at * 7) & 0xff),
  );
  first.write(600 * CHUNK_BYTES, Buffer.alloc(2 * CHUNK_BYTES, 'second leaf '));
  first.write(700 * CHUNK_BYTES, Buffer.alloc(512, 0xee));
  first.takeChanges();
  const second = first.copy();
  second.write(4100, Buffer.from('changed'));
  second.zero(600 * CHUNK_BYTES, CHUNK_BYTES);
  return { first, second, changes: second.takeChanges() };
};
