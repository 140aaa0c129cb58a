import type { Backend } from './backend.ts';
import { nodeNamer } from './format/chunkId.ts';
import { packPrefix } from './format/names.ts';
import { type NodeEntry, TreeNode } from './format/node.ts';
import { damaged } from './format/seal.ts';
import type { WorkerKeys } from './keys.ts';
import type { PackRecord } from './packRecord.ts';
import { NodeReader } from './packs/nodeReader.ts';
import { PackReader } from './packs/packReader.ts';
import { PackWriter } from './packs/packWriter.ts';
import { assertChunkSize, type DiskRoot, INNER_CHILDREN, leafCount, type NodeRef, treeLevels } from './tree.ts';

export interface TreeWriterOptions {
  readonly backend: Backend;
  readonly keys: WorkerKeys;
  /** Called when a pack is durable. */
  readonly onPack?: (pack: PackRecord) => void;
}

export interface TreeChange {
  readonly sizeBytes: number;
  readonly chunkSizeBytes: number;
  /** Absent: every leaf that is not named is zero. */
  readonly parent?: DiskRoot;
  /** Changed leaves by position; all others are as in the parent. */
  readonly leaves: ReadonlyMap<number, NodeRef | null>;
  /** Every leaf that is not named is zero, parent or not; the parent's nodes are shared where they turn out the same. */
  readonly whole?: boolean;
  /** The parent's nodes in these packs are not read: every leaf under one of them must be named. */
  readonly damagedPacks?: ReadonlySet<string>;
}

/**
 * Writes the inner nodes above the leaves; durable when it resolves. Unchanged subtrees are shared with the parent.
 * Errors: StoreFull, StoreIoFailed, StoreDataDamaged and StoreObjectMissing (of the parent's nodes).
 */
export const writeTree = async (options: TreeWriterOptions, change: TreeChange): Promise<DiskRoot> => {
  const { sizeBytes, chunkSizeBytes, parent, leaves, whole = false, damagedPacks } = change;
  assertChunkSize(chunkSizeBytes);
  const fits = parent?.sizeBytes === sizeBytes && parent.chunkSizeBytes === chunkSizeBytes;
  if (parent && !fits && !whole) {
    throw new RangeError('a disk of another size or chunk size cannot be the parent of this one');
  }
  const changed = [...leaves.keys()].sort((a, b) => a - b);
  const last = changed.at(-1) ?? 0;
  if (changed[0]! < 0 || last >= Math.max(1, leafCount(sizeBytes, chunkSizeBytes))) {
    throw new RangeError(`the disk has no leaf ${last}`);
  }
  const { backend, keys, onPack } = options;
  const namer = nodeNamer(keys);
  const writer = new PackWriter({
    backend,
    keys,
    kind: 'meta',
    namer,
    ...(onPack && { onPack: (pack) => onPack(pack) }),
  });
  const reader = new NodeReader(new PackReader({ backend, keys }), keys);

  const build = async (
    level: number,
    position: number,
    before: NodeRef | null,
    low: number,
    high: number,
  ): Promise<NodeRef | null> => {
    const lost = before !== null && damagedPacks?.has(before.pack) === true;
    const span = INNER_CHILDREN ** level;
    const isNamed = high - low === Math.min(span, leafCount(sizeBytes, chunkSizeBytes) - position * span);
    if (lost && !whole && !isNamed) throw damaged(packPrefix(before.pack), 'a node that the new tree needs is lost');
    if (low === high) return whole ? null : before;
    if (level === 0) return leaves.get(position) ?? null;
    const old = before && !lost ? await reader.read(before, level, chunkSizeBytes) : null;
    const node = new TreeNode(level, chunkSizeBytes);
    const childSpan = span / INNER_CHILDREN;
    for (let child = 0; child < INNER_CHILDREN; child++) {
      const childPosition = position * INNER_CHILDREN + child;
      let end = low;
      while (end < high && changed[end]! < (childPosition + 1) * childSpan) end++;
      const entry = old?.get(child) ?? null;
      const ref = await build(level - 1, childPosition, entry && toRef(entry), low, end);
      node.set(child, ref && { pack: ref.pack, slot: ref.slot, id: Buffer.from(ref.id, 'hex') });
      low = end;
    }
    if (node.isEmpty) return null;
    const plain = node.encode();
    const id = namer(plain);
    const hex = Buffer.from(id).toString('hex');
    if (before?.id === hex && !lost) return before;
    return { ...(writer.recall(id) ?? (await writer.add(id, plain))), id: hex };
  };

  const levels = treeLevels(sizeBytes, chunkSizeBytes);
  const node = await build(levels, 0, fits ? parent.node : null, 0, changed.length);
  await writer.finish();
  return { node, levels, sizeBytes, chunkSizeBytes };
};

const toRef = (entry: NodeEntry): NodeRef => ({
  pack: entry.pack,
  slot: entry.slot,
  id: Buffer.from(entry.id).toString('hex'),
});
