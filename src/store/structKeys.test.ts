import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { beforeEach, describe, it } from 'node:test';
import { isCoded } from '../lib/error.ts';
import type { Backend } from './backend.ts';
import { listed } from './backends/backend.contract.ts';
import { DiskReader } from './diskReader.ts';
import { dataNamer } from './format/chunkId.ts';
import { openCodec } from './format/codec.ts';
import { directoryRoom, writeDirectory } from './format/directory.ts';
import { packName, parsePackName } from './format/names.ts';
import { encodeHeader, HEADER_BYTES } from './format/pack.ts';
import type { StructKeys, WorkerKeys } from './keys.ts';
import { createMemoryBackend } from './memoryBackend.ts';
import { NodeReader } from './packs/nodeReader.ts';
import { PackReader } from './packs/packReader.ts';
import type { Store } from './store.ts';
import { backUp, CHUNK_BYTES, newStore } from './testing/backup.ts';
import { SparseDisk } from './testing/sparseDisk.ts';
import type { DiskRoot, NodeRef } from './tree.ts';

let backend: Backend;
let store: Store;
let root: DiskRoot;
let packs: PackReader;
let nodes: NodeReader;
beforeEach(async () => {
  backend = createMemoryBackend();
  store = await newStore(backend);
  const disk = new SparseDisk(600 * CHUNK_BYTES);
  disk.write(0, randomBytes(3 * CHUNK_BYTES));
  disk.write(550 * CHUNK_BYTES, randomBytes(CHUNK_BYTES));
  ({ root } = await backUp(store, disk));
  packs = new PackReader({ backend, keys: store.structKeys });
  nodes = new NodeReader(packs, store.structKeys);
});

/** Pack and slot of every chunk of the disk, by walking its tree. */
const chunkPlaces = async (ref: NodeRef | null, level: number): Promise<{ pack: string; slot: number }[]> => {
  if (!ref) return [];
  const node = await nodes.read(ref, level, root.chunkSizeBytes);
  const found = [];
  for (let at = 0; at < node.length; at++) {
    const entry = node.get(at);
    if (!entry) continue;
    if (level === 0) found.push({ pack: entry.pack, slot: entry.slot });
    else
      found.push(...(await chunkPlaces({ ...entry, id: Buffer.from(entry.id).toString('hex') } as NodeRef, level - 1)));
  }
  return found;
};

describe('the struct keys', () => {
  it('hold no key that opens or names a chunk', () => {
    const { structKeys, workerKeys } = store;
    assert.deepEqual(Object.keys(structKeys).sort(), ['generations', 'nodeKey', 'vaultId']);
    assert.deepEqual(Object.keys(structKeys.generations[0]!).sort(), ['generation', 'structKey']);
    const text = JSON.stringify(structKeys);
    for (const secret of [workerKeys.idKey, workerKeys.generations[0]!.dataKey]) {
      assert.equal(text.includes(JSON.stringify(secret)), false);
    }
    assert.deepEqual(structuredClone(structKeys), structKeys);
  });

  it('walk a tree down to the places of its chunks', async () => {
    const places = await chunkPlaces(root.node, root.levels);
    assert.equal(places.length, 4);
    for (const { pack, slot } of places) {
      const { entry, pack: opened } = await packs.locate(pack, slot);
      assert.deepEqual([entry.slot, opened.directory.header.kind], [slot, 'data']);
    }
  });

  it('compact a pack: what is left of it is still read by who has the data keys', async () => {
    const [first, ...others] = await chunkPlaces(root.node, root.levels);
    const { directory } = (await packs.locate(first!.pack, first!.slot)).pack;
    const old = await backend.get(directory.name);
    const header = { ...directory.header, generation: 1 };
    const kept = others.map(({ slot }) => directory.find(slot)!);
    const bytes = new Uint8Array(old.length + directoryRoom(kept.length));
    bytes.set(encodeHeader(header));
    let end = HEADER_BYTES;
    const entries = kept.map((entry) => {
      bytes.set(old.subarray(entry.offset, entry.offset + entry.length), end);
      end += entry.length;
      return { ...entry, offset: end - entry.length };
    });
    end += writeDirectory(bytes, end, { keys: store.structKeys, header, codec: openCodec() }, entries);
    const compacted = bytes.subarray(0, end);
    await backend.put(packName(header.packId, 1, hash('sha256', compacted, 'hex')), compacted);
    await backend.delete(directory.name);
    const reader = new DiskReader({ backend, keys: store.workerKeys }, root);
    assert.equal((await reader.read(550 * CHUNK_BYTES, CHUNK_BYTES)).length, CHUNK_BYTES);
    await assert.rejects(reader.read(0, 1), (error) => isCoded(error, 'StoreDataDamaged'));
  });

  it('do not open a chunk, whoever names it', async () => {
    const [{ pack, slot } = assert.fail()] = await chunkPlaces(root.node, root.levels);
    const place = await packs.locate(pack, slot);
    const namer = dataNamer(store.workerKeys, CHUNK_BYTES);
    await assert.rejects(packs.readRecord(place, openCodec(), namer), (error) => isCoded(error, 'StoreKeyWrong'));
    const forged = { ...place, pack: { ...place.pack, key: store.structKeys.generations[0]!.structKey } };
    await assert.rejects(packs.readRecord(forged, openCodec(), namer), (error) => isCoded(error, 'StoreDataDamaged'));
  });

  it('are refused by the compiler wherever chunks are opened or written', () => {
    const keys: StructKeys = store.structKeys;
    // @ts-expect-error a reader of disks needs the data keys
    const options: { keys: WorkerKeys } = { keys };
    // @ts-expect-error nor do they name a chunk
    assert.throws(() => dataNamer(keys, CHUNK_BYTES));
    assert.equal(options.keys, keys);
  });

  it('say which generation they lack', async () => {
    const [{ name } = assert.fail()] = await listed(backend, 'p/');
    const none = new PackReader({ backend, keys: { ...store.structKeys, generations: [] } });
    await assert.rejects(none.locate(parsePackName(name)!.packId, 0), (error) => isCoded(error, 'StoreKeyWrong'));
  });
});
