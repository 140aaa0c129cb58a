import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoded } from '../lib/error.ts';
import type { Backend } from './backend.ts';
import { createMemoryBackend } from './memoryBackend.ts';
import { pointPacks } from './pointPacks.ts';
import type { Store } from './store.ts';
import { backUp, newStore } from './testing/backup.ts';
import { SparseDisk } from './testing/sparseDisk.ts';
import type { DiskRoot } from './tree.ts';

const packsOf = async (store: Store, root: DiskRoot, sharedWith?: DiskRoot): Promise<ReadonlySet<string>> => {
  const packs: string[] = [];
  const options = { backend: store.backend, keys: store.structKeys, sharedWith };
  for await (const pack of pointPacks(options, root)) packs.push(pack);
  assert.equal(new Set(packs).size, packs.length, 'each once');
  return new Set(packs);
};

const packsIn = async (backend: Backend): Promise<ReadonlySet<string>> => {
  const packs = new Set<string>();
  for await (const { name } of backend.list('p/')) packs.add(name.split('/')[2]!.split('.')[0]!);
  return packs;
};

/** Three leaves of 32 MiB, each with data; the tree has an inner node. */
const newDisk = (): SparseDisk => {
  const disk = new SparseDisk(96 * 2 ** 20);
  for (const at of [0, 32, 64]) disk.write(at * 2 ** 20, new Uint8Array(200_000).fill(at + 1));
  return disk;
};

test('reaches every pack of a point, and of the next one what the first does not have', async () => {
  const backend = createMemoryBackend();
  const store = await newStore(backend);
  const disk = newDisk();
  const first = await backUp(store, disk);
  const before = await packsIn(backend);
  assert.deepEqual(await packsOf(store, first.root), before);

  const change = { offset: 40 * 2 ** 20, length: 70_000, kind: 'data' } as const;
  disk.write(change.offset, new Uint8Array(change.length).fill(99));
  const second = await backUp(store, disk, { parent: first.root, changes: [change] });
  const added = (await packsIn(backend)).difference(before);
  assert.ok(added.size > 0);
  const whole = await packsOf(store, second.root);
  const beside = await packsOf(store, second.root, first.root);
  assert.ok(added.isSubsetOf(beside), 'what is new is told');
  assert.deepEqual(beside.union(await packsOf(store, first.root)), whole.union(before));
  assert.equal((await packsOf(store, second.root, second.root)).size, 1, 'of the same disk only where its root lies');
});

test('an empty disk reaches nothing; a disk of another size shares nothing', async () => {
  const store = await newStore(createMemoryBackend());
  const empty = await backUp(store, new SparseDisk(2 ** 20));
  assert.equal((await packsOf(store, empty.root)).size, 0);
  const { root } = await backUp(store, newDisk());
  assert.deepEqual(await packsOf(store, root, { ...root, levels: root.levels + 1 }), await packsOf(store, root));
});

test('a node that is gone is an error, never a pack less', async () => {
  const backend = createMemoryBackend();
  const store = await newStore(backend);
  const { root } = await backUp(store, newDisk());
  for await (const { name } of backend.list(`p/${root.node!.pack.slice(0, 2)}/${root.node!.pack}`))
    await backend.delete(name);
  await assert.rejects(packsOf(store, root), (error) => isCoded(error, 'StoreObjectMissing'));
});
