import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Range } from '../lib/extent.ts';
import { affectedRanges, type LostPacks, type LostSlots, SoundSubtrees } from './affectedRanges.ts';
import { DiskReader } from './diskReader.ts';
import { lostSlotsOf } from './lostSlots.ts';
import { createMemoryBackend } from './memoryBackend.ts';
import type { PackRecord } from './packRecord.ts';
import type { Store } from './store.ts';
import { backUp, CHUNK_BYTES, newStore } from './testing/backup.ts';
import { SparseDisk } from './testing/sparseDisk.ts';
import type { DiskRoot } from './tree.ts';

const LEAF = 512 * CHUNK_BYTES;

/** Three leaves, the last one cut short by the disk's end. */
const newDisk = async () => {
  const store = await newStore(createMemoryBackend());
  const disk = new SparseDisk(2 * LEAF + 777);
  for (const cell of [0, 1, 5, 511, 512, 700, 1024]) {
    disk.write(cell * CHUNK_BYTES, randomBytes(Math.min(CHUNK_BYTES, disk.sizeBytes - cell * CHUNK_BYTES)));
  }
  const packs: PackRecord[] = [];
  const { root } = await backUp(store, disk, { writer: { onPack: (pack) => packs.push(pack) } });
  return { store, disk, root, packs };
};

const rangesOf = async (store: Store, root: DiskRoot, lost: LostPacks, sound?: SoundSubtrees): Promise<Range[]> => {
  const ranges: Range[] = [];
  const walk = { backend: store.backend, keys: store.structKeys, lost, ...(sound && { sound }) };
  for await (const range of affectedRanges(walk, root)) ranges.push(range);
  return ranges;
};

const cells = (first: number, count = 1): Range => ({ offset: first * CHUNK_BYTES, length: count * CHUNK_BYTES });
const all = (...packs: string[]): LostPacks => new Map(packs.map((pack): [string, LostSlots] => [pack, 'all']));

describe('the ranges that need what is lost', () => {
  it('are the cells of lost chunks, neighbours joined, cut at the disk’s end', async () => {
    const { store, root, packs } = await newDisk();
    const data = packs.find(({ kind }) => kind === 'data')!.packId;
    assert.deepEqual(await rangesOf(store, root, new Map()), []);
    assert.deepEqual(await rangesOf(store, root, all(data)), [
      cells(0, 2),
      cells(5),
      cells(511, 2),
      cells(700),
      { offset: 2 * LEAF, length: 777 },
    ]);
    assert.deepEqual(await rangesOf(store, root, new Map([[data, new Set([2, 5])]])), [cells(5), cells(700)]);
  });

  it('are all that lies under a lost node', async () => {
    const { store, root } = await newDisk();
    const reader = new DiskReader({ backend: store.backend, keys: store.workerKeys }, root);
    const leaf = (await reader.leafRef(1))!;
    assert.deepEqual(await rangesOf(store, root, new Map([[leaf.pack, new Set([leaf.slot])]])), [cells(512, 512)]);
    const whole = [{ offset: 0, length: 2 * LEAF + 777 }];
    assert.deepEqual(await rangesOf(store, root, all(root.node!.pack)), whole);
  });

  it('cover a node that nobody knew to be lost', async () => {
    const { store, root, packs } = await newDisk();
    const leaves = packs.filter(({ kind }) => kind === 'meta');
    for (const { name } of leaves) await store.backend.delete(name);
    assert.deepEqual(await rangesOf(store, root, new Map()), [{ offset: 0, length: 2 * LEAF + 777 }]);
  });

  it('are the same when sound subtrees are remembered from one disk to the next', async () => {
    const { store, disk, root, packs } = await newDisk();
    disk.write(700 * CHUNK_BYTES, randomBytes(10));
    const changes = [{ offset: 700 * CHUNK_BYTES, length: 10, kind: 'data' as const }];
    const next = await backUp(store, disk, { parent: root, changes });
    const data = packs.find(({ kind }) => kind === 'data')!.packId;
    const lost = new Map([[data, new Set([5])]]);
    const sound = new SoundSubtrees();
    assert.deepEqual(await rangesOf(store, next.root, lost, sound), []);
    assert.deepEqual(await rangesOf(store, root, lost, sound), [cells(700)]);
  });
});

describe('what is lost of a pack', () => {
  it('is nothing, the records that do not open, or all', async () => {
    const { store, packs } = await newDisk();
    const { backend, workerKeys } = store;
    for (const { packId, name, kind, slots } of packs) {
      assert.deepEqual(await lostSlotsOf(backend, workerKeys, packId), new Set(), kind);
      const sound = await backend.get(name);
      const spoilt = new Uint8Array(sound);
      spoilt[68 + randomInt(16)]! ^= 1;
      await backend.delete(name);
      await backend.put(name, spoilt);
      assert.deepEqual(await lostSlotsOf(backend, workerKeys, packId), new Set([0]), `${kind} of ${slots}`);
      await backend.delete(name);
      assert.equal(await lostSlotsOf(backend, workerKeys, packId), 'all');
      await backend.put(name, sound.subarray(0, sound.length - 1));
      assert.equal(await lostSlotsOf(backend, workerKeys, packId), 'all');
    }
  });
});
