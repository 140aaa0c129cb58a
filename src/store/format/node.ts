import { INNER_CHILDREN, LEAF_CELLS } from '../tree.ts';
import { ID_BYTES, SHORT_ID_BYTES } from './chunkId.ts';

const VERSION = 1;
export const HEAD_BYTES = 8;
/** Pack number of an entry that stands for zeros. */
export const NONE = 0xffff;

export interface NodeEntry {
  readonly pack: string;
  readonly slot: number;
  /** 16 bytes in a leaf, 32 in an inner node. */
  readonly id: Uint8Array;
}

/**
 * A node of a tree: a leaf (level 0) says where 512 chunks lie, an inner node where 256 nodes lie; docs/store-format.md,
 * "Tree". Packs are numbered in the order of their first use, so equal content gives equal bytes.
 */
export class TreeNode {
  readonly level: number;
  readonly chunkSizeBytes: number;
  readonly length: number;
  readonly #entries: (NodeEntry | null)[];

  constructor(level: number, chunkSizeBytes: number) {
    this.level = level;
    this.chunkSizeBytes = chunkSizeBytes;
    this.length = level === 0 ? LEAF_CELLS : INNER_CHILDREN;
    this.#entries = new Array<NodeEntry | null>(this.length).fill(null);
  }

  /** Null: zeros. */
  get(position: number): NodeEntry | null {
    return this.#entries[position] ?? null;
  }

  set(position: number, entry: NodeEntry | null): void {
    this.#entries[position] = entry;
  }

  get isEmpty(): boolean {
    return this.#entries.every((entry) => entry === null);
  }

  encode(): Uint8Array {
    const packs = [...new Set(this.#entries.flatMap((entry) => (entry ? [entry.pack] : [])))];
    const numbers = new Map(packs.map((pack, number) => [pack, number]));
    const idBytes = idBytesOf(this.level);
    const bytes = Buffer.alloc(HEAD_BYTES + packs.length * 16 + this.length * (idBytes + 4));
    bytes[0] = VERSION;
    bytes[1] = this.level;
    bytes.writeUInt16LE(packs.length, 2);
    bytes.writeUInt32LE(this.chunkSizeBytes, 4);
    for (const [number, pack] of packs.entries()) bytes.write(pack, HEAD_BYTES + number * 16, 'hex');
    let at = HEAD_BYTES + packs.length * 16;
    for (const entry of this.#entries) {
      if (entry) bytes.set(entry.id.subarray(0, idBytes), at);
      bytes.writeUInt16LE(entry ? numbers.get(entry.pack)! : NONE, at + idBytes);
      bytes.writeUInt16LE(entry?.slot ?? 0, at + idBytes + 2);
      at += idBytes + 4;
    }
    return bytes;
  }
}

const idBytesOf = (level: number): number => (level === 0 ? SHORT_ID_BYTES : ID_BYTES);

/** Undefined: not a node of this level and chunk size, or not in its one canonical form. */
export const decodeNode = (plain: Uint8Array, level: number, chunkSizeBytes: number): TreeNode | undefined => {
  const bytes = Buffer.from(new Uint8Array(plain).buffer);
  const node = new TreeNode(level, chunkSizeBytes);
  if (bytes.length < HEAD_BYTES || bytes[0] !== VERSION || bytes[1] !== level) return undefined;
  const packCount = bytes.readUInt16LE(2);
  const idBytes = idBytesOf(level);
  if (bytes.readUInt32LE(4) !== chunkSizeBytes) return undefined;
  if (bytes.length !== HEAD_BYTES + packCount * 16 + node.length * (idBytes + 4)) return undefined;
  const packs = Array.from({ length: packCount }, (_, number) =>
    bytes.toString('hex', HEAD_BYTES + number * 16, HEAD_BYTES + (number + 1) * 16),
  );
  let at = HEAD_BYTES + packCount * 16;
  for (let position = 0; position < node.length; position++, at += idBytes + 4) {
    const number = bytes.readUInt16LE(at + idBytes);
    if (number === NONE) continue;
    const pack = packs[number];
    if (!pack) return undefined;
    node.set(position, { pack, slot: bytes.readUInt16LE(at + idBytes + 2), id: bytes.subarray(at, at + idBytes) });
  }
  return Buffer.compare(node.encode(), bytes) === 0 ? node : undefined;
};
