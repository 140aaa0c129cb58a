import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { MemoryBackend } from './backends/memory.ts';
import { compactPack } from './compact.ts';
import { describePack, listPackFolder } from './packListing.ts';
import type { PackRecord } from './packRecord.ts';
import { backUp, CHUNK_BYTES, newStore } from './testing/backup.ts';
import { SparseDisk } from './testing/sparseDisk.ts';

test('of a compacted pack the slots reach beyond its highest one, however few records are left', async () => {
  const store = await newStore(new MemoryBackend());
  const { backend, structKeys } = store;
  const packs: PackRecord[] = [];
  const disk = new SparseDisk(8 * CHUNK_BYTES);
  for (let cell = 0; cell < 8; cell++) disk.write(cell * CHUNK_BYTES, randomBytes(CHUNK_BYTES / 4));
  await backUp(store, disk, { writer: { onPack: (pack: PackRecord) => void packs.push(pack) } });
  const pack = packs.find(({ kind }) => kind === 'data')!;
  assert.equal(pack.slots, 8);
  const describe = async () =>
    describePack(backend, structKeys, (await listPackFolder(backend, pack.packId.slice(0, 2))).get(pack.packId)!);
  assert.deepEqual(await describe(), { ...pack, records: 8 });

  const next = await compactPack(backend, structKeys, pack, (slot) => slot === 2 || slot === 5);
  const described = await describe();
  assert.deepEqual([described?.name, described?.slots, described?.records], [next.name, 6, 2]);
  await backend.delete(pack.name);
  assert.deepEqual(await describe(), described);

  const none = await compactPack(backend, structKeys, next, () => false);
  assert.deepEqual(await describe().then((empty) => [empty?.name, empty?.slots, empty?.records]), [none.name, 0, 0]);
});
