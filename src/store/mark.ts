import { CodedError, isCoded } from '../lib/error.ts';
import type { Backend } from './backend.ts';
import { type ChunkNamer, nodeNamer } from './format/chunkId.ts';
import { type Codec, openCodec } from './format/codec.ts';
import { damaged } from './format/seal.ts';
import type { StructKeys } from './keys.ts';
import { Frontier } from './marks/frontier.ts';
import { eachEntry, packIdAt, type RawNode, rawNode } from './marks/rawNode.ts';
import type { PackMarks } from './packMarks.ts';
import { planRuns, type Run } from './packs/leafPlaces.ts';
import { PackReader } from './packs/packReader.ts';
import { type DiskRoot, INNER_CHILDREN } from './tree.ts';

export interface MarkRoot {
  /** What an error says cannot be marked: 'point X, LUN 0'. */
  readonly name: string;
  readonly root: DiskRoot;
}

export interface MarkProgress {
  readonly roots: number;
  /** Nodes read; a node that several roots share is read once. */
  readonly nodes: number;
}

export interface MarkOptions {
  readonly backend: Backend;
  readonly keys: StructKeys;
  readonly marks: PackMarks;
  readonly roots: Iterable<MarkRoot> | AsyncIterable<MarkRoot>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: MarkProgress) => void;
}

/** Nodes of one level that are read together; their children are the next level's. */
const INNER_BATCH = 64;
const LEAF_BATCH = INNER_BATCH * INNER_CHILDREN;
const DIRECTORY_CACHE_BYTES = 96 * 1024 * 1024;

/**
 * Sets the bit of every record that a root reaches, nodes included; a node whose bit is set is not entered again, so
 * roots may come in several calls. Memory does not grow with the trees. Errors: StoreDataDamaged, StoreObjectMissing,
 * StoreIoFailed: a node or pack could not be read, or the table does not know it; the marks are void then.
 */
export const markRoots = async (options: MarkOptions): Promise<MarkProgress> => {
  const walk = new Walk(options);
  let waiting: MarkRoot[] = [];
  for await (const root of options.roots) {
    waiting.push(root);
    if (waiting.length < INNER_BATCH) continue;
    await walk.mark(waiting);
    waiting = [];
  }
  await walk.mark(waiting);
  return walk.progress;
};

/** A level's nodes while they are read: what `visit` needs to tell where it is. */
interface Level {
  readonly level: number;
  readonly chunkSizeBytes: number;
  readonly roots: readonly MarkRoot[];
}

class Walk {
  #roots = 0;
  #nodes = 0;
  readonly #options: MarkOptions;
  readonly #packs: PackReader;
  readonly #codec: Codec = openCodec();
  readonly #namer: ChunkNamer;
  /** Used again and again: one for each level of the deepest tree. */
  readonly #frontiers: Frontier[] = [];

  constructor(options: MarkOptions) {
    this.#options = options;
    const { backend, keys } = options;
    this.#packs = new PackReader({ backend, keys, cacheBytes: DIRECTORY_CACHE_BYTES });
    this.#namer = nodeNamer(keys);
  }

  get progress(): MarkProgress {
    return { roots: this.#roots, nodes: this.#nodes };
  }

  /** Roots of one height and chunk size are walked together. */
  async mark(roots: readonly MarkRoot[]): Promise<void> {
    const groups = Map.groupBy(roots, ({ root }) => `${root.levels}/${root.chunkSizeBytes}`);
    for (const group of groups.values()) {
      const { levels: level, chunkSizeBytes } = group[0]!.root;
      const at: Level = { level, chunkSizeBytes, roots: group };
      const frontier = this.#frontier(level);
      for (const [number, { name, root }] of group.entries()) {
        const { node } = root;
        if (node === null) continue;
        const pack = this.#options.marks.find(node.pack);
        if (pack < 0) throw unknownPack(node.pack, name);
        if (this.#mark(pack, node.slot, name))
          frontier.add({ pack, slot: node.slot, root: number }, Buffer.from(node.id, 'hex'));
      }
      await this.#enter(frontier, at);
      this.#roots += group.length;
      this.#options.onProgress?.(this.progress);
    }
  }

  #frontier(level: number): Frontier {
    const frontier = this.#frontiers[level] ?? new Frontier(LEAF_BATCH);
    this.#frontiers[level] = frontier;
    frontier.clear();
    return frontier;
  }

  /** Reads the nodes of a level in the order of the store, and, batch by batch, what lies below them. */
  async #enter(frontier: Frontier, at: Level): Promise<void> {
    const order = frontier.sorted();
    const batch = at.level === 0 ? order.length : INNER_BATCH;
    for (let from = 0; from < order.length; from += batch) {
      const below = at.level === 0 ? undefined : this.#frontier(at.level - 1);
      await this.#read(frontier, order.subarray(from, from + batch), at, below);
      if (below) await this.#enter(below, { ...at, level: at.level - 1 });
    }
  }

  async #read(frontier: Frontier, positions: Uint32Array, at: Level, below: Frontier | undefined): Promise<void> {
    const { signal, onProgress, backend } = this.#options;
    const runs = planRuns(await this.#locate(frontier, positions, at));
    let next = runs[0] && fetchRun(backend, runs[0]);
    for (const [number, run] of runs.entries()) {
      signal?.throwIfAborted();
      const bytes = await this.#named(rootOf(frontier, run.records[0]!.cells[0]!, at), () => next!);
      next = runs[number + 1] && fetchRun(backend, runs[number + 1]!);
      for (const record of run.records) {
        const { entry } = record.place;
        const start = entry.offset - run.offset;
        const position = record.cells[0]!;
        const root = rootOf(frontier, position, at);
        const plain =
          this.#packs.openRecord(record.place, bytes.subarray(start, start + entry.length), this.#codec, this.#namer) ??
          (await this.#named(root, () => this.#packs.readRecord(record.place, this.#codec, this.#namer)));
        const node = rawNode(plain, at.level, at.chunkSizeBytes);
        const sound = node && this.#visit(node, { root, number: frontier.roots[position]! }, below);
        if (!sound) throw notMarkable(root, damaged(run.name, `slot ${entry.slot} holds no node of level ${at.level}`));
        this.#nodes++;
      }
      onProgress?.(this.progress);
    }
  }

  async #locate(frontier: Frontier, positions: Uint32Array, at: Level) {
    const records = [];
    for (const position of positions) {
      const root = rootOf(frontier, position, at);
      const slot = frontier.slots[position]!;
      const packId = this.#options.marks.packId(frontier.packs[position]!);
      const place = await this.#named(root, () => this.#packs.locate(packId, slot));
      const { header, name } = place.pack.directory;
      if (header.kind !== 'meta' || Buffer.compare(place.entry.id, frontier.id(position)) !== 0)
        throw notMarkable(root, damaged(name, `slot ${slot} holds another thing than the node that the tree names`));
      records.push({ place, cells: [position] });
    }
    return records;
  }

  /** Marks what the node names; children not met before are added to `below`. False: it is no sound node. */
  #visit(
    node: RawNode,
    { root, number }: { readonly root: string; readonly number: number },
    below: Frontier | undefined,
  ): boolean {
    const { marks } = this.#options;
    const packs = new Int32Array(node.packCount);
    for (let pack = 0; pack < node.packCount; pack++) {
      packs[pack] = marks.findAt(node.bytes, packIdAt(pack));
      if (packs[pack]! < 0) throw unknownPack(node.bytes.toString('hex', packIdAt(pack), packIdAt(pack + 1)), root);
    }
    return eachEntry(node, (packNumber, slot, idAt) => {
      const pack = packs[packNumber]!;
      if (this.#mark(pack, slot, root)) below?.add({ pack, slot, root: number }, node.bytes, idAt);
    });
  }

  #mark(pack: number, slot: number, root: string): boolean {
    const { marks } = this.#options;
    if (slot < marks.slots(pack)) return marks.mark(pack, slot);
    throw notMarkable(root, damaged(marks.packId(pack), `a node names its slot ${slot}, which it does not have`));
  }

  async #named<Result>(root: string, read: () => Promise<Result>): Promise<Result> {
    try {
      return await read();
    } catch (error) {
      throw isCoded(error) ? notMarkable(root, error) : error;
    }
  }
}

const rootOf = (frontier: Frontier, position: number, { roots }: Level): string =>
  roots[frontier.roots[position]!]!.name;

/** Its failure is met when it is awaited, even when that is later. */
const fetchRun = (backend: Backend, { name, offset, length }: Run): Promise<Uint8Array> => {
  const reading = backend.get(name, { offset, length });
  reading.catch(() => {});
  return reading;
};

const notMarkable = (root: string, cause: CodedError): CodedError =>
  new CodedError(cause.code, `The tree of ${root} cannot be followed: ${cause.message}`, {
    ...(cause.target !== undefined && { target: cause.target }),
    recommendations: [
      'Nothing is collected until every tree can be read: verify the vault, which repairs what has a good copy.',
    ],
    cause,
  });

const unknownPack = (packId: string, root: string): CodedError =>
  new CodedError('StoreObjectMissing', `${root} refers to pack ${packId}, which the database does not know.`, {
    target: packId,
    recommendations: ['Reconcile the vault with its store; nothing is collected before.'],
  });
