import { NodeReader } from '../../src/store/packs/nodeReader.ts';
import { PackReader } from '../../src/store/packs/packReader.ts';
import type { Store } from '../../src/store/store.ts';
import type { NodeRef } from '../../src/store/tree.ts';

/** Ids of all packs that the listed commits reach: a plain walk, written apart from the collector's own. */
export async function reachedPacks(store: Store): Promise<ReadonlySet<string>> {
  const nodes = new NodeReader(new PackReader({ backend: store.backend, keys: store.workerKeys }), store.workerKeys);
  const reached = new Set<string>();
  const seen = new Set<string>();
  const walk = async (ref: NodeRef, level: number, chunkSizeBytes: number): Promise<void> => {
    reached.add(ref.pack);
    const key = `${ref.pack}/${ref.slot}`;
    if (seen.has(key)) return;
    seen.add(key);
    const node = await nodes.read(ref, level, chunkSizeBytes);
    for (let position = 0; position < node.length; position++) {
      const entry = node.get(position);
      if (!entry) continue;
      reached.add(entry.pack);
      if (level > 0) await walk({ ...entry, id: Buffer.from(entry.id).toString('hex') }, level - 1, chunkSizeBytes);
    }
  };
  for await (const { name } of store.commits())
    for (const { root } of (await store.openCommit(name)).disks)
      if (root.node) await walk(root.node, root.levels, root.chunkSizeBytes);
  return reached;
}
