/** What the table of marks needs to know of a pack. */
export interface MarkedPack {
  /** 32 hex digits. */
  readonly packId: string;
  /** Slots of the pack are below this; compaction does not change it. */
  readonly slots: number;
}

const ID_WORDS = 4;
const BUCKETS = 65_536;

/**
 * One bit for every slot of every pack of a vault: what some root reaches. 16 bytes a pack for its id and one bit a
 * slot in typed arrays, so a vault of 100 TiB takes some 200 MB. Packs are known by their index, in the order of ids.
 */
export class PackMarks {
  /** The ids as big-endian words, ascending. */
  #words: Uint32Array;
  /** First byte of a pack's bits; one more at the end. */
  #starts: Uint32Array;
  #slots: Uint16Array;
  #bits = new Uint8Array(0);
  readonly #buckets = new Uint32Array(BUCKETS + 1);
  #count = 0;

  private constructor(expected: number) {
    const room = Math.max(16, expected);
    this.#words = new Uint32Array(room * ID_WORDS);
    this.#starts = new Uint32Array(room + 1);
    this.#slots = new Uint16Array(room);
  }

  /** `packs` come in pages, ascending by id; `expected` is how many there will be, roughly. */
  static async build(pages: AsyncIterable<readonly MarkedPack[]>, expected = 0): Promise<PackMarks> {
    const marks = new PackMarks(expected);
    for await (const page of pages) for (const pack of page) marks.#append(pack);
    marks.#close();
    return marks;
  }

  get size(): number {
    return this.#count;
  }

  /** -1: not in the table. */
  find(packId: string): number {
    return this.findAt(Buffer.from(packId, 'hex'), 0);
  }

  /** The pack whose 16 id bytes stand at `offset`; -1: not in the table. */
  findAt(bytes: Buffer, offset: number): number {
    const first = bytes.readUInt32BE(offset);
    const bucket = first >>> 16;
    let low = this.#buckets[bucket]!;
    let high = this.#buckets[bucket + 1]! - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const order = this.#compare(middle, first, bytes, offset);
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  packId(index: number): string {
    const bytes = Buffer.alloc(16);
    for (let word = 0; word < ID_WORDS; word++) bytes.writeUInt32BE(this.#words[index * ID_WORDS + word]!, word * 4);
    return bytes.toString('hex');
  }

  slots(index: number): number {
    return this.#slots[index]!;
  }

  /** True when it was not marked before. Errors: RangeError when the pack has no such slot. */
  mark(index: number, slot: number): boolean {
    if (slot >= this.#slots[index]!) throw new RangeError(`pack ${this.packId(index)} has no slot ${slot}`);
    const at = this.#starts[index]! + (slot >>> 3);
    const bit = 1 << (slot & 7);
    if (this.#bits[at]! & bit) return false;
    this.#bits[at]! |= bit;
    return true;
  }

  isLive(index: number, slot: number): boolean {
    if (slot >= this.#slots[index]!) return false;
    return (this.#bits[this.#starts[index]! + (slot >>> 3)]! & (1 << (slot & 7))) !== 0;
  }

  liveSlots(index: number): number {
    let count = 0;
    for (let at = this.#starts[index]!; at < this.#starts[index + 1]!; at++) count += ONES[this.#bits[at]!]!;
    return count;
  }

  #append({ packId, slots }: MarkedPack): void {
    const index = this.#count;
    if (index === this.#slots.length) this.#grow();
    const id = Buffer.from(packId, 'hex');
    if (id.length !== 16) throw new RangeError(`'${packId}' is no pack id`);
    for (let word = 0; word < ID_WORDS; word++) this.#words[index * ID_WORDS + word] = id.readUInt32BE(word * 4);
    if (index > 0 && this.#compare(index - 1, id.readUInt32BE(0), id, 0) >= 0)
      throw new RangeError(`pack ${packId} is not in the order of ids`);
    this.#slots[index] = slots;
    this.#starts[index + 1] = this.#starts[index]! + Math.ceil(slots / 8);
    this.#count++;
    this.#buckets[(id.readUInt32BE(0) >>> 16) + 1]!++;
  }

  #grow(): void {
    const room = this.#slots.length * 2;
    this.#words = grown(this.#words, new Uint32Array(room * ID_WORDS));
    this.#starts = grown(this.#starts, new Uint32Array(room + 1));
    this.#slots = grown(this.#slots, new Uint16Array(room));
  }

  #close(): void {
    for (let bucket = 0; bucket < BUCKETS; bucket++) this.#buckets[bucket + 1]! += this.#buckets[bucket]!;
    this.#bits = new Uint8Array(this.#starts[this.#count]!);
  }

  /** Order of the pack at `index` against the id at `offset`. */
  #compare(index: number, first: number, bytes: Buffer, offset: number): number {
    const at = index * ID_WORDS;
    if (this.#words[at]! !== first) return this.#words[at]! - first;
    for (let word = 1; word < ID_WORDS; word++) {
      const difference = this.#words[at + word]! - bytes.readUInt32BE(offset + word * 4);
      if (difference !== 0) return difference;
    }
    return 0;
  }
}

const grown = <T extends Uint32Array | Uint16Array>(from: T, to: T): T => {
  to.set(from);
  return to;
};

const ONES = Uint8Array.from({ length: 256 }, (_, byte) => {
  let ones = 0;
  for (let rest = byte; rest > 0; rest >>>= 1) ones += rest & 1;
  return ones;
});
