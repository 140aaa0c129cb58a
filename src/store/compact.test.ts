import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { isCoded } from '../lib/error.ts';
import type { Backend } from './backend.ts';
import { MemoryBackend } from './backends/memory.ts';
import { compactPack, inspectPack, packObjects } from './compact.ts';
import { markRoots } from './mark.ts';
import { PackMarks } from './packMarks.ts';
import type { PackRecord } from './packRecord.ts';
import { assertRestores, backUp, CHUNK_BYTES, newStore } from './testing/backup.ts';
import { BackendDied, MortalBackend } from './testing/mortalBackend.ts';
import { SparseDisk } from './testing/sparseDisk.ts';

/** A disk of 40 chunks in one pack, of which the last 30 were overwritten by a second point. */
const overwritten = async (backend: Backend = new MemoryBackend()) => {
  const store = await newStore(backend);
  const packs: PackRecord[] = [];
  const writer = { onPack: (pack: PackRecord) => void packs.push(pack) };
  const disk = new SparseDisk(400 * CHUNK_BYTES);
  for (let cell = 0; cell < 40; cell++) disk.write(cell * CHUNK_BYTES, randomBytes(CHUNK_BYTES / 4));
  const { root: parent } = await backUp(store, disk, { writer });
  const changes = [{ kind: 'data' as const, offset: 10 * CHUNK_BYTES, length: 30 * CHUNK_BYTES }];
  for (let cell = 10; cell < 40; cell++) disk.write(cell * CHUNK_BYTES, randomBytes(CHUNK_BYTES / 4));
  const { root } = await backUp(store, disk, { writer, parent, changes });
  const sorted = packs.toSorted((a, b) => (a.packId < b.packId ? -1 : 1));
  const marks = await PackMarks.build(
    (async function* () {
      yield sorted;
    })(),
  );
  await markRoots({ backend, keys: store.structKeys, marks, roots: [{ name: 'second', root }] });
  const pack = packs.find(({ kind }) => kind === 'data')!;
  const isLive = (slot: number) => marks.isLive(marks.find(pack.packId), slot);
  return { store, disk, root, pack, isLive };
};

void describe('compaction of a pack', () => {
  test('leaves the dead records out; what is left restores without the old object', async () => {
    const { store, disk, root, pack, isLive } = await overwritten();
    const next = await compactPack(store.backend, store.structKeys, pack, isLive);
    assert.equal(next.generation, 1);
    assert.equal(next.records, 10);
    assert.equal(next.slots, pack.slots, 'slots keep their numbers');
    assert.ok(next.sizeBytes < pack.sizeBytes / 3);
    assert.equal(next.name.split('.')[2], hash('sha256', await store.backend.get(next.name), 'hex'));
    assert.deepEqual(await inspectPack(store.backend, store.structKeys, next.name), { ...next, slots: 10 });
    await store.backend.delete(pack.name);
    await assertRestores(store, root, disk);
    const again = await compactPack(store.backend, store.structKeys, next, (slot) => isLive(slot) && slot > 4);
    assert.deepEqual([again.generation, again.records], [2, 5]);
  });

  test('stopped at its put, before or after, it does no harm and is done again', async () => {
    for (const after of [false, true]) {
      const { store, disk, root, pack, isLive } = await overwritten();
      const mortal = new MortalBackend(store.backend, 1, after);
      await assert.rejects(compactPack(mortal, store.structKeys, pack, isLive), BackendDied);
      await assertRestores(store, root, disk);
      const next = await compactPack(store.backend, store.structKeys, pack, isLive);
      assert.equal((await packObjects(store.backend, pack.packId)).length, after ? 3 : 2);
      for (const name of await packObjects(store.backend, pack.packId))
        if (name !== next.name) await store.backend.delete(name);
      await assertRestores(store, root, disk);
    }
  });

  test('a damaged pack is not compacted', async () => {
    const { store, pack } = await overwritten();
    const bytes = await store.backend.get(pack.name);
    bytes[200]! ^= 1;
    await store.backend.delete(pack.name);
    await store.backend.put(pack.name, bytes);
    await assert.rejects(
      compactPack(store.backend, store.structKeys, pack, () => true),
      (error) => isCoded(error, 'StoreDataDamaged'),
    );
    assert.equal((await packObjects(store.backend, pack.packId)).length, 1);
  });

  test('a storage that gives back other bytes than it was given is told', async () => {
    const { store, pack, isLive } = await overwritten();
    const { backend } = store;
    const liar: Backend = {
      put: (name, bytes) => backend.put(name, bytes.slice(0, bytes.length - 1)),
      get: (name, range) => backend.get(name, range),
      head: (name) => backend.head(name),
      list: (prefix) => backend.list(prefix),
      delete: (name) => backend.delete(name),
    };
    await assert.rejects(compactPack(liar, store.structKeys, pack, isLive), (error) => isCoded(error, 'StoreLies'));
  });
});
