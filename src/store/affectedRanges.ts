import { isCoded } from '../lib/error.ts';
import type { Range } from '../lib/extent.ts';
import type { Backend } from './backend.ts';
import type { StructKeys } from './keys.ts';
import { NodeReader } from './packs/nodeReader.ts';
import { PackReader } from './packs/packReader.ts';
import { type DiskRoot, INNER_CHILDREN, leafSpanBytes, type NodeRef } from './tree.ts';

/** What is lost of a pack: all of it, or these slots. */
export type LostSlots = 'all' | ReadonlySet<number>;

/** Damaged packs, by pack id. */
export type LostPacks = ReadonlyMap<string, LostSlots>;

export interface AffectedRangesOptions {
  readonly backend: Backend;
  readonly keys: StructKeys;
  readonly lost: LostPacks;
  /** Subtrees known to reach nothing lost; kept from one disk to the next, so that shared ones are walked once. */
  readonly sound?: SoundSubtrees;
  readonly signal?: AbortSignal;
}

/** Bounded: forgetting one costs another walk, nothing else. */
export class SoundSubtrees {
  readonly #ids = new Set<string>();

  has(ref: NodeRef): boolean {
    return this.#ids.has(keyOf(ref));
  }

  add(ref: NodeRef): void {
    if (this.#ids.size < MAX_SOUND) this.#ids.add(keyOf(ref));
  }
}

const MAX_SOUND = 500_000;
const keyOf = (ref: NodeRef): string => `${ref.pack}${ref.slot}`;

/**
 * The ranges of a disk that need something lost, ascending, neighbours joined: whole cells, cut at the disk's end. A
 * node that is lost, or that turns out unreadable, affects all of the disk under it. Memory does not grow with the
 * disk. Errors: StoreIoFailed, StoreQuorumMissing, StoreKeyWrong, the signal's reason.
 */
export async function* affectedRanges(options: AffectedRangesOptions, root: DiskRoot): AsyncIterable<Range> {
  let last: { offset: number; length: number } | undefined;
  for await (const { offset, length } of new Walk(options, root).under(root.node, root.levels, 0)) {
    if (last && last.offset + last.length === offset) last.length += length;
    else {
      if (last) yield last;
      last = { offset, length };
    }
  }
  if (last) yield last;
}

class Walk {
  readonly #root: DiskRoot;
  readonly #options: AffectedRangesOptions;
  readonly #nodes: NodeReader;
  /** Ranges given so far: whether a subtree gave any. */
  #given = 0;

  constructor(options: AffectedRangesOptions, root: DiskRoot) {
    this.#root = root;
    this.#options = options;
    this.#nodes = new NodeReader(new PackReader(options), options.keys);
  }

  async *under(ref: NodeRef | null, level: number, position: number): AsyncIterable<Range> {
    if (!ref || this.#options.sound?.has(ref)) return;
    this.#options.signal?.throwIfAborted();
    const { chunkSizeBytes } = this.#root;
    const span = leafSpanBytes(chunkSizeBytes) * INNER_CHILDREN ** level;
    const node = this.#isLost(ref) ? undefined : await this.#read(ref, level);
    if (!node) {
      yield* this.#range(position * span, span);
      return;
    }
    const before = this.#given;
    for (let child = 0; child < node.length; child++) {
      const entry = node.get(child);
      if (!entry) continue;
      if (level === 0) {
        if (this.#isLost(entry)) yield* this.#range(position * span + child * chunkSizeBytes, chunkSizeBytes);
      } else {
        const below = { pack: entry.pack, slot: entry.slot, id: Buffer.from(entry.id).toString('hex') };
        yield* this.under(below, level - 1, position * INNER_CHILDREN + child);
      }
    }
    if (this.#given === before) this.#options.sound?.add(ref);
  }

  async #read(ref: NodeRef, level: number) {
    try {
      return await this.#nodes.read(ref, level, this.#root.chunkSizeBytes);
    } catch (error) {
      if (isCoded(error, 'StoreDataDamaged') || isCoded(error, 'StoreObjectMissing')) return undefined;
      throw error;
    }
  }

  *#range(offset: number, span: number): Iterable<Range> {
    const length = Math.min(span, this.#root.sizeBytes - offset);
    if (length <= 0) return;
    this.#given++;
    yield { offset, length };
  }

  #isLost({ pack, slot }: { readonly pack: string; readonly slot: number }): boolean {
    const slots = this.#options.lost.get(pack);
    return slots === 'all' || slots?.has(slot) === true;
  }
}
