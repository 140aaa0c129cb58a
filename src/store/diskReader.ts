import { ByteCache } from '../lib/byteCache.ts';
import { CodedError } from '../lib/error.ts';
import type { Backend } from './backend.ts';
import { type ChunkNamer, dataNamer } from './format/chunkId.ts';
import { type Codec, openCodec } from './format/codec.ts';
import type { NodeEntry, TreeNode } from './format/node.ts';
import type { WorkerKeys } from './keys.ts';
import { naming, type OnDamage, orReport } from './packs/diskDamage.ts';
import { type LeafRecord, locateCell, planRuns, type Run } from './packs/leafPlaces.ts';
import { NodeReader } from './packs/nodeReader.ts';
import { PackReader, type RecordPlace } from './packs/packReader.ts';
import type { OnBadRead } from './secondOpinion.ts';
import { assertChunkSize, type DiskRoot, INNER_CHILDREN, leafCount, leafSpanBytes, type NodeRef } from './tree.ts';

export interface DiskReaderOptions {
  readonly backend: Backend;
  readonly keys: WorkerKeys;
  /** Told of reads that gave no sound bytes where another copy, or a second read, did. */
  readonly onBadRead?: OnBadRead;
}

export interface LeafOfDisk {
  /** Position of the leaf on the disk. */
  readonly index: number;
  readonly ref: NodeRef;
  /** The leaf at this position of the disk that was compared with. */
  readonly before: NodeRef | null;
}

/** Cells that are not read. */
export interface LeftOut {
  /** Those that are the same in this leaf. */
  readonly before?: NodeRef | null;
  /** Those that it answers for with true; `offset` is the disk's. */
  readonly isKnown?: ((place: RecordPlace, offset: number) => boolean) | undefined;
}

type WriteCell = (offset: number, bytes: Uint8Array) => void | Promise<void>;

const CELL_CACHE_BYTES = 16 * 1024 * 1024;

/**
 * Reads a disk of a recovery point. Every byte it gives was authenticated and re-hashed. Damage is an error that
 * names the disk's range, never zeros: StoreDataDamaged, StoreObjectMissing (`details[0].target`: `offset+length`).
 */
export class DiskReader {
  readonly root: DiskRoot;
  readonly #backend: Backend;
  readonly #onBadRead: OnBadRead | undefined;
  readonly #packs: PackReader;
  readonly #nodes: NodeReader;
  readonly #nameChunk: ChunkNamer;
  /** One for every call under way: what a codec returns is good until its next call only. */
  readonly #codecs: Codec[] = [];
  readonly #cells = new ByteCache<string, Uint8Array>(CELL_CACHE_BYTES);

  constructor(options: DiskReaderOptions, root: DiskRoot) {
    assertChunkSize(root.chunkSizeBytes);
    this.root = root;
    this.#backend = options.backend;
    this.#onBadRead = options.onBadRead;
    this.#packs = new PackReader(options);
    this.#nodes = new NodeReader(this.#packs, options.keys);
    this.#nameChunk = dataNamer(options.keys, root.chunkSizeBytes);
  }

  /** Null: the leaf is all zero. A node of a `lost` pack is not read: it stands for every leaf under it. */
  async leafRef(index: number, lost?: ReadonlySet<string>): Promise<NodeRef | null> {
    const { root } = this;
    if (!(index >= 0 && index < leafCount(root.sizeBytes, root.chunkSizeBytes)))
      throw new RangeError(`no leaf ${index}`);
    let ref = root.node;
    for (let level = root.levels; ref && level > 0; level--) {
      if (lost?.has(ref.pack)) return ref;
      const node = await this.#readNode(ref, level, index);
      ref = childRef(node, Math.floor(index / INNER_CHILDREN ** (level - 1)) % INNER_CHILDREN);
    }
    return ref;
  }

  /**
   * The leaves that are not all zero, ascending. With `onDamage`, nodes that cannot be read are reported and left
   * out. With `like`, leaves that are the same in that disk are left out; `before` is its other one.
   */
  leaves(onDamage?: OnDamage, like?: DiskRoot): AsyncIterable<LeafOfDisk> {
    const { node, levels, chunkSizeBytes } = this.root;
    const comparable = like?.levels === levels && like.chunkSizeBytes === chunkSizeBytes;
    return this.#leavesUnder(node, levels, 0, onDamage, comparable ? like.node : null);
  }

  async *#leavesUnder(
    ref: NodeRef | null,
    level: number,
    position: number,
    onDamage: OnDamage | undefined,
    before: NodeRef | null,
  ): AsyncIterable<LeafOfDisk> {
    if (!ref || isSame(ref, before)) return;
    if (level === 0) {
      yield { index: position, ref, before };
      return;
    }
    const firstLeaf = position * INNER_CHILDREN ** level;
    const node = await orReport(onDamage, () => this.#readNode(ref, level, firstLeaf));
    const old =
      before &&
      (await orReport(
        () => {},
        () => this.#readNode(before, level, firstLeaf),
      ));
    for (let child = 0; node && child < INNER_CHILDREN; child++) {
      const other = old ? childRef(old, child) : null;
      yield* this.#leavesUnder(childRef(node, child), level - 1, position * INNER_CHILDREN + child, onDamage, other);
    }
  }

  /**
   * Gives every non-zero cell of a leaf to `write`, in the order of the store, cut at the disk's end. `offset` is
   * the disk's; `bytes` are good until `write` settles. With `onDamage`, what cannot be read is reported and left out.
   */
  async readLeafCells(
    index: number,
    write: WriteCell,
    onDamage?: OnDamage,
    { before = null, isKnown }: LeftOut = {},
  ): Promise<void> {
    const leaf = await orReport(onDamage, () => this.#readLeaf(index));
    if (!leaf) return;
    const old =
      before &&
      (await orReport(
        () => {},
        () => this.#readNode(before, 0, index),
      ));
    const runs = planRuns(await this.#locate(leaf, index, onDamage, { old: old ?? undefined, isKnown }));
    const codec = this.#codecs.pop() ?? openCodec();
    let reading = runs[0] && this.#readRun(runs[0]);
    for (const [number, run] of runs.entries()) {
      const bytes = await reading!;
      const next = runs[number + 1];
      reading = next && this.#readRun(next);
      for (const record of run.records) {
        const sealed = bytes && recordBytes(run, bytes, record);
        const plain =
          (sealed && this.#packs.openRecord(record.place, sealed, codec, this.#nameChunk)) ??
          (await this.#reread(record, run, index, codec, onDamage));
        if (!plain) continue;
        for (const cell of record.cells) {
          const offset = this.#cellOffset(index, cell);
          const writing = write(offset, plain.subarray(0, this.root.sizeBytes - offset));
          if (writing) await writing;
        }
      }
    }
    this.#codecs.push(codec);
  }

  /** Any range within the disk; fresh bytes. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const { sizeBytes, chunkSizeBytes } = this.root;
    if (!(offset >= 0 && length >= 0 && offset + length <= sizeBytes)) {
      throw new RangeError(`bytes ${offset} to ${offset + length} are not on a disk of ${sizeBytes} bytes`);
    }
    const bytes = new Uint8Array(length);
    for (let at = offset; at < offset + length; ) {
      const within = at % chunkSizeBytes;
      const count = Math.min(chunkSizeBytes - within, offset + length - at);
      const cell = await this.#readCell(at - within);
      if (cell) bytes.set(cell.subarray(within, within + count), at - offset);
      at += count;
    }
    return bytes;
  }

  /** Undefined: zeros. */
  async #readCell(cellOffset: number): Promise<Uint8Array | undefined> {
    const { chunkSizeBytes } = this.root;
    const index = Math.floor(cellOffset / leafSpanBytes(chunkSizeBytes));
    const leaf = await this.#readLeaf(index);
    const cell = (cellOffset - index * leafSpanBytes(chunkSizeBytes)) / chunkSizeBytes;
    const named = leaf?.get(cell);
    if (!leaf || !named) return undefined;
    const cacheKey = `${named.pack}/${named.slot}`;
    const cached = this.#cells.get(cacheKey);
    if (cached) return cached;
    const codec = this.#codecs.pop() ?? openCodec();
    const plain = await this.#naming(index, cell, async () => {
      const place = await locateCell(this.#packs, leaf, cell);
      return new Uint8Array(await this.#packs.readRecord(place, codec, this.#nameChunk));
    });
    this.#codecs.push(codec);
    this.#cells.set(cacheKey, plain, plain.length);
    return plain;
  }

  async #readLeaf(index: number): Promise<TreeNode | undefined> {
    const ref = await this.leafRef(index);
    return ref ? this.#readNode(ref, 0, index) : undefined;
  }

  /** Damage of a node hides all of the disk that lies under it. */
  #readNode(ref: NodeRef, level: number, leafIndex: number): Promise<TreeNode> {
    const span = leafSpanBytes(this.root.chunkSizeBytes) * INNER_CHILDREN ** level;
    const offset = Math.floor((leafIndex * leafSpanBytes(this.root.chunkSizeBytes)) / span) * span;
    return naming(this.root, offset, span, () => this.#nodes.read(ref, level, this.root.chunkSizeBytes));
  }

  async #locate(
    leaf: TreeNode,
    index: number,
    onDamage: OnDamage | undefined,
    { old, isKnown }: { readonly old: TreeNode | undefined; readonly isKnown: LeftOut['isKnown'] },
  ): Promise<readonly LeafRecord[]> {
    const records = new Map<string, { place: LeafRecord['place']; cells: number[] }>();
    for (let cell = 0; cell < leaf.length; cell++) {
      const named = leaf.get(cell);
      if (!named || isSameCell(named, old?.get(cell))) continue;
      const key = `${named.pack}/${named.slot}`;
      const place = await orReport(onDamage, () =>
        this.#naming(index, cell, () => locateCell(this.#packs, leaf, cell)),
      );
      if (!place || isKnown?.(place, this.#cellOffset(index, cell))) continue;
      const record = records.get(key);
      if (record) record.cells.push(cell);
      else records.set(key, { place, cells: [cell] });
    }
    return [...records.values()];
  }

  /** Undefined when the run cannot be read as one: then each record is tried by itself and names its own range. */
  async #readRun(run: Run): Promise<Uint8Array | undefined> {
    try {
      return await this.#backend.get(run.name, { offset: run.offset, length: run.length });
    } catch (error) {
      if (error instanceof CodedError) return undefined;
      throw error;
    }
  }

  /** Undefined: damaged, and reported for every cell that is made of it. */
  async #reread(
    record: LeafRecord,
    run: Run,
    index: number,
    codec: Codec,
    onDamage: OnDamage | undefined,
  ): Promise<Uint8Array | undefined> {
    const reading = this.#packs.readRecord(record.place, codec, this.#nameChunk);
    for (const cell of record.cells) {
      const plain = await orReport(onDamage, () => this.#naming(index, cell, () => reading));
      if (!plain) continue;
      const why = `the record in slot ${record.place.entry.slot} did not open at the first read`;
      this.#onBadRead?.({ object: run.name, why });
      return plain;
    }
    return undefined;
  }

  #cellOffset(index: number, cell: number): number {
    return index * leafSpanBytes(this.root.chunkSizeBytes) + cell * this.root.chunkSizeBytes;
  }

  #naming<Result>(index: number, cell: number, work: () => Promise<Result>): Promise<Result> {
    return naming(this.root, this.#cellOffset(index, cell), this.root.chunkSizeBytes, work);
  }
}

const childRef = (node: TreeNode, child: number): NodeRef | null => {
  const entry = node.get(child);
  return entry && { pack: entry.pack, slot: entry.slot, id: Buffer.from(entry.id).toString('hex') };
};

const isSame = (one: NodeRef, other: NodeRef | null): boolean =>
  one.id === other?.id && one.pack === other.pack && one.slot === other.slot;

const isSameCell = (one: NodeEntry, other: NodeEntry | null | undefined): boolean =>
  one.pack === other?.pack && one.slot === other.slot && Buffer.compare(one.id, other.id) === 0;

const recordBytes = (run: Run, bytes: Uint8Array, record: LeafRecord): Uint8Array => {
  const start = record.place.entry.offset - run.offset;
  return bytes.subarray(start, start + record.place.entry.length);
};
