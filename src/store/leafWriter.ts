import type { Extent } from '../lib/extent.ts';
import type { Backend } from './backend.ts';
import type { DedupeIndex } from './dedupeIndex.ts';
import { type ChunkNamer, dataNamer, nodeNamer, SHORT_ID_BYTES } from './format/chunkId.ts';
import { openCodec } from './format/codec.ts';
import { type NodeEntry, TreeNode } from './format/node.ts';
import type { WorkerKeys } from './keys.ts';
import type { PackRecord } from './packRecord.ts';
import { CellPlan, planCells, runEnd } from './packs/cellPlan.ts';
import { NodeReader } from './packs/nodeReader.ts';
import { PackReader } from './packs/packReader.ts';
import { PackWriter, type Place } from './packs/packWriter.ts';
import { assertChunkSize, leafSpanBytes, type NodeRef } from './tree.ts';

export interface LeafWriterOptions {
  readonly backend: Backend;
  readonly keys: WorkerKeys;
  readonly chunkSizeBytes: number;
  readonly dedupe?: DedupeIndex;
  /** Called when a pack is durable. */
  readonly onPack?: (pack: PackRecord) => void;
  /** Packs known to be damaged: nothing refers to them any more, their cells are read and stored again. */
  readonly damagedPacks?: ReadonlySet<string>;
}

export interface LeafJob {
  /** Position of the leaf on the disk. */
  readonly index: number;
  readonly diskSizeBytes: number;
  /** The same leaf of the parent point; its disk has the same chunk size. */
  readonly parent: NodeRef | null;
  /** Ascending, without overlap; parts outside the leaf are ignored. */
  readonly extents: readonly Extent[];
  /**
   * false: cells that no extent touches keep the parent's entry (the parent's disk then has the same size).
   * true: cells that no data extent touches are zero; what is read is compared with the parent's cell.
   */
  readonly whole: boolean;
}

/**
 * Reads the source. Called in ascending order, for runs of whole cells of at most `READ_RUN_BYTES` (or one cell),
 * cut at the disk's end. The bytes are used until the next call only, so a buffer may be reused.
 */
export type ReadSource = (offset: number, length: number) => Uint8Array | Promise<Uint8Array>;

export const READ_RUN_BYTES = 1_048_576;

/** Counted since the writer was made. Zero, kept, deduped and new sum up to the disk that was looked at. */
export interface WriteStats {
  /** Read from the source. */
  readBytes: number;
  zeroBytes: number;
  /** Read or not: the parent's cell was kept. */
  keptBytes: number;
  dedupedBytes: number;
  newBytes: number;
  /** Size of new packs. */
  storedBytes: number;
}

/** Turns parts of a disk into leaves. One per worker thread; one `writeLeaf` at a time. Memory: four packs at most. */
export class LeafWriter {
  readonly stats: WriteStats = {
    readBytes: 0,
    zeroBytes: 0,
    keptBytes: 0,
    dedupedBytes: 0,
    newBytes: 0,
    storedBytes: 0,
  };
  /** Names of packs of others, as they were seen, that new leaves refer to through the dedupe index. */
  readonly dedupedPacks = new Set<string>();
  readonly #options: LeafWriterOptions;
  readonly #chunks: PackWriter;
  readonly #leaves: PackWriter;
  readonly #packs: PackReader;
  readonly #nodes: NodeReader;
  readonly #nameChunk: ChunkNamer;
  readonly #nameNode: ChunkNamer;
  readonly #zeros: Uint8Array;
  /** The disk's last cell, filled up with zeros. */
  readonly #padded: Uint8Array;

  constructor(options: LeafWriterOptions) {
    const { backend, keys, chunkSizeBytes, dedupe } = options;
    assertChunkSize(chunkSizeBytes);
    this.#options = options;
    this.#packs = new PackReader({ backend, keys });
    this.#nodes = new NodeReader(this.#packs, keys);
    this.#nameChunk = dataNamer(keys, chunkSizeBytes);
    this.#nameNode = nodeNamer(keys);
    this.#zeros = new Uint8Array(chunkSizeBytes);
    this.#padded = new Uint8Array(chunkSizeBytes);
    const codec = openCodec();
    const packed = (pack: PackRecord): void => {
      this.stats.storedBytes += pack.sizeBytes;
      options.onPack?.(pack);
    };
    this.#chunks = new PackWriter({
      ...{ backend, keys, codec, kind: 'data', namer: this.#nameChunk },
      onPack: (pack, entries) => {
        packed(pack);
        dedupe?.add(pack.packId, entries);
      },
    });
    this.#leaves = new PackWriter({ backend, keys, codec, kind: 'meta', namer: this.#nameNode, onPack: packed });
  }

  /**
   * Null when the leaf is all zero; the parent's reference when it is the same. The leaf is durable only after
   * `finish`. Errors: StoreFull, StoreIoFailed, StoreDataDamaged and StoreObjectMissing (of the parent's leaf), and
   * what `read` throws; after any of them the writer is void.
   */
  async writeLeaf(job: LeafJob, read: ReadSource): Promise<NodeRef | null> {
    const { chunkSizeBytes } = this.#options;
    const start = job.index * leafSpanBytes(chunkSizeBytes);
    const plan = planCells(job, start, chunkSizeBytes);
    const lost = job.parent !== null && this.#isDamaged(job.parent);
    // what the parent's leaf would have kept can only be had from the source
    if (lost) for (const [cell, todo] of plan.entries()) if (todo === CellPlan.keep) plan[cell] = CellPlan.read;
    const parent = job.parent && !lost ? await this.#nodes.read(job.parent, 0, chunkSizeBytes) : null;
    const leaf = new TreeNode(0, chunkSizeBytes);
    for (let cell = 0; cell < plan.length; ) {
      if (plan[cell] !== CellPlan.read) {
        const kept = plan[cell] === CellPlan.keep ? (parent?.get(cell) ?? null) : null;
        if (kept && this.#isDamaged(kept)) {
          plan[cell] = CellPlan.read;
          continue;
        }
        leaf.set(cell, kept);
        this.stats[kept ? 'keptBytes' : 'zeroBytes'] += Math.min(
          chunkSizeBytes,
          job.diskSizeBytes - start - cell * chunkSizeBytes,
        );
        cell++;
        continue;
      }
      const end = runEnd(plan, cell, Math.max(1, Math.floor(READ_RUN_BYTES / chunkSizeBytes)));
      const from = start + cell * chunkSizeBytes;
      const length = Math.min(start + end * chunkSizeBytes, job.diskSizeBytes) - from;
      const reading = read(from, length);
      const bytes = reading instanceof Uint8Array ? reading : await reading;
      if (bytes.length !== length)
        throw new RangeError(`the source gave ${bytes.length} bytes where ${length} were asked`);
      this.stats.readBytes += length;
      for (let at = 0; cell < end; cell++, at += chunkSizeBytes) {
        leaf.set(cell, await this.#writeCell(bytes.subarray(at, at + chunkSizeBytes), parent?.get(cell) ?? null));
      }
    }
    return this.#writeNode(leaf, job.parent);
  }

  /** Every pack is durable. The writer may be used again. */
  async finish(): Promise<void> {
    await this.#chunks.finish();
    await this.#leaves.finish();
  }

  async #writeCell(bytes: Uint8Array, parent: NodeEntry | null): Promise<NodeEntry | null> {
    const { stats } = this;
    if (
      Buffer.compare(
        bytes,
        bytes.length === this.#zeros.length ? this.#zeros : this.#zeros.subarray(0, bytes.length),
      ) === 0
    ) {
      stats.zeroBytes += bytes.length;
      return null;
    }
    const plain = this.#padCell(bytes);
    const id = this.#nameChunk(plain);
    const shortId = id.subarray(0, SHORT_ID_BYTES);
    if (parent && Buffer.compare(parent.id, shortId) === 0 && !this.#isDamaged(parent)) {
      stats.keptBytes += bytes.length;
      return parent;
    }
    const known = this.#chunks.recall(id) ?? (this.#options.dedupe && (await this.#lookUp(id)));
    if (known) {
      stats.dedupedBytes += bytes.length;
      return { ...known, id: shortId };
    }
    stats.newBytes += bytes.length;
    return { ...(await this.#chunks.add(id, plain)), id: shortId };
  }

  /** A chunk is always whole: what lies past the disk's end is zero. */
  #padCell(bytes: Uint8Array): Uint8Array {
    if (bytes.length === this.#padded.length) return bytes;
    this.#padded.fill(0).set(bytes);
    return this.#padded;
  }

  /** A hint counts only when the pack itself confirms it. */
  async #lookUp(id: Uint8Array): Promise<Place | undefined> {
    const hit = this.#options.dedupe!.find(id);
    if (!hit || this.#isDamaged(hit)) return undefined;
    const name = await this.#packs.holds(hit.pack, hit.slot, id);
    if (name === undefined) {
      this.#options.dedupe!.forget([hit.pack]);
      return undefined;
    }
    this.dedupedPacks.add(name);
    return hit;
  }

  #isDamaged(place: Place): boolean {
    return this.#options.damagedPacks?.has(place.pack) ?? false;
  }

  async #writeNode(leaf: TreeNode, parent: NodeRef | null): Promise<NodeRef | null> {
    if (leaf.isEmpty) return null;
    const plain = leaf.encode();
    const id = this.#nameNode(plain);
    const hex = Buffer.from(id).toString('hex');
    if (parent?.id === hex && !this.#isDamaged(parent)) return parent;
    const place = this.#leaves.recall(id) ?? (await this.#leaves.add(id, plain));
    return { ...place, id: hex };
  }
}
