import { ByteCache } from '../../lib/byteCache.ts';
import { type ChunkNamer, nodeNamer } from '../format/chunkId.ts';
import { openCodec } from '../format/codec.ts';
import { decodeNode, type TreeNode } from '../format/node.ts';
import { damaged } from '../format/seal.ts';
import type { StructKeys } from '../keys.ts';
import type { NodeRef } from '../tree.ts';
import type { PackReader } from './packReader.ts';

/** An entry of a decoded node, in memory. */
const NODE_ENTRY_BYTES = 160;

/** Reads nodes of trees and keeps the last ones. */
export class NodeReader {
  readonly #packs: PackReader;
  readonly #namer: ChunkNamer;
  readonly #codec = openCodec();
  readonly #cache: ByteCache<string, TreeNode>;

  constructor(packs: PackReader, keys: StructKeys, cacheBytes = 8 * 1024 * 1024) {
    this.#packs = packs;
    this.#namer = nodeNamer(keys);
    this.#cache = new ByteCache(cacheBytes);
  }

  /** The node is shared: do not change it. Errors: StoreDataDamaged, StoreObjectMissing, StoreKeyWrong. */
  async read(ref: NodeRef, level: number, chunkSizeBytes: number): Promise<TreeNode> {
    const cacheKey = `${ref.id}/${level}/${chunkSizeBytes}`;
    const cached = this.#cache.get(cacheKey);
    if (cached) return cached;
    const place = await this.#packs.locate(ref.pack, ref.slot);
    const { header, name } = place.pack.directory;
    if (header.kind !== 'meta' || Buffer.compare(place.entry.id, Buffer.from(ref.id, 'hex')) !== 0) {
      throw damaged(name, `slot ${ref.slot} holds another thing than the node that the tree names`);
    }
    const plain = await this.#packs.readRecord(place, this.#codec, this.#namer);
    const node = decodeNode(plain, level, chunkSizeBytes);
    if (!node)
      throw damaged(name, `slot ${ref.slot} holds no node of level ${level} for chunks of ${chunkSizeBytes} bytes`);
    this.#cache.set(cacheKey, node, node.length * NODE_ENTRY_BYTES);
    return node;
  }
}
