import { ID_BYTES, SHORT_ID_BYTES } from '../format/chunkId.ts';
import { HEAD_BYTES, NONE } from '../format/node.ts';
import { INNER_CHILDREN, LEAF_CELLS } from '../tree.ts';

const PACK_ID_BYTES = 16;

/** A node's plaintext as it is: no object is made for an entry. docs/store-format.md, "Tree". */
export interface RawNode {
  readonly bytes: Buffer;
  readonly packCount: number;
  readonly entriesAt: number;
  readonly entryBytes: number;
  readonly length: number;
}

/** Undefined: no node of this level and chunk size. The caller has compared its keyed hash. */
export const rawNode = (plain: Uint8Array, level: number, chunkSizeBytes: number): RawNode | undefined => {
  const bytes = Buffer.from(plain.buffer, plain.byteOffset, plain.length);
  if (bytes.length < HEAD_BYTES || bytes[0] !== 1 || bytes[1] !== level) return undefined;
  if (bytes.readUInt32LE(4) !== chunkSizeBytes) return undefined;
  const packCount = bytes.readUInt16LE(2);
  const length = level === 0 ? LEAF_CELLS : INNER_CHILDREN;
  const entryBytes = (level === 0 ? SHORT_ID_BYTES : ID_BYTES) + 4;
  const entriesAt = HEAD_BYTES + packCount * PACK_ID_BYTES;
  if (bytes.length !== entriesAt + length * entryBytes) return undefined;
  return { bytes, packCount, entriesAt, entryBytes, length };
};

/** Where the id of the node's pack of this number stands. */
export const packIdAt = (number: number): number => HEAD_BYTES + number * PACK_ID_BYTES;

/** Calls `use` for each entry that is not zero; false when an entry names a pack that the node does not list. */
export const eachEntry = (node: RawNode, use: (packNumber: number, slot: number, idAt: number) => void): boolean => {
  const { bytes, packCount, entryBytes, length } = node;
  let at = node.entriesAt;
  for (let position = 0; position < length; position++, at += entryBytes) {
    const number = bytes[at + entryBytes - 4]! | (bytes[at + entryBytes - 3]! << 8);
    if (number === NONE) continue;
    if (number >= packCount) return false;
    use(number, bytes[at + entryBytes - 2]! | (bytes[at + entryBytes - 1]! << 8), at);
  }
  return true;
};
