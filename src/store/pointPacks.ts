import type { Backend } from './backend.ts';
import type { TreeNode } from './format/node.ts';
import type { StructKeys } from './keys.ts';
import { NodeReader } from './packs/nodeReader.ts';
import { PackReader } from './packs/packReader.ts';
import type { DiskRoot, NodeRef } from './tree.ts';

export interface PointPacksOptions {
  readonly backend: Backend;
  readonly keys: StructKeys;
  readonly signal?: AbortSignal;
  /** What this disk has at the same place and the same is left out. */
  readonly sharedWith?: DiskRoot | undefined;
}

/**
 * Ids of the packs that a disk's tree reaches, nodes' and chunks', each once.
 * Errors: StoreDataDamaged, StoreObjectMissing, StoreIoFailed (a node that cannot be read).
 */
export async function* pointPacks(options: PointPacksOptions, root: DiskRoot): AsyncIterable<string> {
  const { sharedWith } = options;
  const isComparable = sharedWith?.levels === root.levels && sharedWith.chunkSizeBytes === root.chunkSizeBytes;
  const told = new Set<string>();
  for await (const pack of new Walk(options, root).under(
    root.node,
    isComparable ? sharedWith.node : null,
    root.levels,
  )) {
    if (told.has(pack)) continue;
    told.add(pack);
    yield pack;
  }
}

class Walk {
  readonly #nodes: NodeReader;
  readonly #chunkSizeBytes: number;
  readonly #signal: AbortSignal | undefined;

  constructor({ backend, keys, signal }: PointPacksOptions, { chunkSizeBytes }: DiskRoot) {
    this.#nodes = new NodeReader(new PackReader({ backend, keys }), keys);
    this.#chunkSizeBytes = chunkSizeBytes;
    this.#signal = signal;
  }

  async *under(ref: NodeRef | null, shared: NodeRef | null, level: number): AsyncIterable<string> {
    this.#signal?.throwIfAborted();
    if (!ref) return;
    yield ref.pack;
    // the same node has the same bytes below it, wherever it lies itself
    if (ref.id === shared?.id) return;
    const node = await this.#nodes.read(ref, level, this.#chunkSizeBytes);
    if (level === 0) {
      for (let cell = 0; cell < node.length; cell++) {
        const entry = node.get(cell);
        if (entry) yield entry.pack;
      }
      return;
    }
    const other = shared && (await this.#nodes.read(shared, level, this.#chunkSizeBytes));
    for (let child = 0; child < node.length; child++)
      yield* this.under(childOf(node, child), other && childOf(other, child), level - 1);
  }
}

const childOf = (node: TreeNode, child: number): NodeRef | null => {
  const entry = node.get(child);
  return entry && { pack: entry.pack, slot: entry.slot, id: Buffer.from(entry.id).toString('hex') };
};
