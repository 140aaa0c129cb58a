import { NodeReader } from '../src/store/packs/nodeReader.ts';
import { PackReader } from '../src/store/packs/packReader.ts';
import type { Store } from '../src/store/store.ts';
import type { NodeRef } from '../src/store/tree.ts';

/** Bytes of all records that the listed points reach, each counted once: what a store must hold at least. */
export async function liveBytes(store: Store): Promise<number> {
  const packs = new PackReader({ backend: store.backend, keys: store.workerKeys });
  const nodes = new NodeReader(packs, store.workerKeys);
  const seen = new Set<string>();
  let bytes = 0;
  const count = async (pack: string, slot: number): Promise<boolean> => {
    const key = `${pack}/${slot}`;
    if (seen.has(key)) return false;
    seen.add(key);
    bytes += (await packs.locate(pack, slot)).entry.length;
    return true;
  };
  const walk = async (ref: NodeRef, level: number, chunkSizeBytes: number): Promise<void> => {
    if (!(await count(ref.pack, ref.slot))) return;
    const node = await nodes.read(ref, level, chunkSizeBytes);
    for (let position = 0; position < node.length; position++) {
      const entry = node.get(position);
      if (!entry) continue;
      if (level === 0) await count(entry.pack, entry.slot);
      else await walk({ ...entry, id: Buffer.from(entry.id).toString('hex') }, level - 1, chunkSizeBytes);
    }
  };
  for await (const { name } of store.commits())
    for (const { root } of (await store.openCommit(name)).disks)
      if (root.node) await walk(root.node, root.levels, root.chunkSizeBytes);
  return bytes;
}
