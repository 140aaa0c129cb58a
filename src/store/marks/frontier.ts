import { ID_BYTES } from '../format/chunkId.ts';

/** Nodes still to be read, all of one level: a bounded list in typed arrays. */
export class Frontier {
  /** Index of the node's pack in the marks. */
  readonly packs: Uint32Array;
  readonly slots: Uint16Array;
  /** Number of the root that the node was first met under. */
  readonly roots: Uint32Array;
  readonly #ids: Uint8Array;
  length = 0;

  constructor(capacity: number) {
    this.packs = new Uint32Array(capacity);
    this.slots = new Uint16Array(capacity);
    this.roots = new Uint32Array(capacity);
    this.#ids = new Uint8Array(capacity * ID_BYTES);
  }

  get room(): number {
    return this.packs.length - this.length;
  }

  /** `id`: 32 bytes at `offset`. */
  add(node: { readonly pack: number; readonly slot: number; readonly root: number }, id: Uint8Array, offset = 0): void {
    this.packs[this.length] = node.pack;
    this.slots[this.length] = node.slot;
    this.roots[this.length] = node.root;
    this.#ids.set(id.subarray(offset, offset + ID_BYTES), this.length * ID_BYTES);
    this.length++;
  }

  id(position: number): Uint8Array {
    return this.#ids.subarray(position * ID_BYTES, (position + 1) * ID_BYTES);
  }

  /** Positions in the order in which records lie in the store. */
  sorted(): Uint32Array {
    const order = new Uint32Array(this.length).map((_, position) => position);
    return order.sort((a, b) => this.packs[a]! - this.packs[b]! || this.slots[a]! - this.slots[b]!);
  }

  clear(): void {
    this.length = 0;
  }
}
