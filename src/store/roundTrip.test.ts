import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DiskReader } from './diskReader.ts';
import { LeafWriter } from './leafWriter.ts';
import { createMemoryBackend } from './memoryBackend.ts';
import { assertRestores, backUp, CHUNK_BYTES, newStore } from './testing/backup.ts';
import { SparseDisk } from './testing/sparseDisk.ts';
import { CHUNK_SIZES_BYTES, leafSpanBytes } from './tree.ts';

const SPAN = leafSpanBytes(CHUNK_BYTES);
const MIB = 1_048_576;

/** A write: where, how much, and what (0: zeros, otherwise a pattern or random bytes). */
const writes = (sizeBytes: number, most: number) =>
  fc.array(
    fc.record({
      offset: fc.oneof(
        fc.nat(sizeBytes - 1),
        fc.nat(Math.floor((sizeBytes - 1) / CHUNK_BYTES)).map((cell) => cell * CHUNK_BYTES),
      ),
      length: fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.constantFrom(CHUNK_BYTES, 3 * CHUNK_BYTES)),
      fill: fc.nat(4),
    }),
    { maxLength: most },
  );

const apply = (disk: SparseDisk, all: readonly { offset: number; length: number; fill: number }[]): void => {
  for (const { offset, fill, length } of all) {
    const count = Math.min(length, disk.sizeBytes - offset);
    if (fill === 0) disk.zero(offset, count);
    else disk.write(offset, fill === 1 ? randomBytes(count) : Buffer.alloc(count, fill));
  }
};

describe('a disk that is backed up', () => {
  it('restores to what it was, and the next point too, and the first still does', async () => {
    // three leaves, the last one cut within a cell
    const sizeBytes = 2 * SPAN + 5 * MIB + 512;
    await fc.assert(
      fc.asyncProperty(writes(sizeBytes, 12), writes(sizeBytes, 6), async (first, second) => {
        const store = await newStore(createMemoryBackend());
        const disk = new SparseDisk(sizeBytes);
        apply(disk, first);
        disk.takeChanges();
        const full = await backUp(store, disk);
        await assertRestores(store, full.root, disk);
        const before = disk.copy();
        apply(disk, second);
        const next = await backUp(store, disk, { parent: full.root, changes: disk.takeChanges() });
        await assertRestores(store, next.root, disk);
        await assertRestores(store, full.root, before);
        const whole = await backUp(store, disk, { parent: next.root });
        assert.deepEqual(whole.root, next.root, 'reading all gives the tree that the changes gave');
      }),
      { numRuns: 25 },
    );
  });

  it('reads any range', async () => {
    const sizeBytes = SPAN + 3 * CHUNK_BYTES + 1000;
    const store = await newStore(createMemoryBackend());
    const disk = new SparseDisk(sizeBytes);
    disk.write(SPAN - 3 * CHUNK_BYTES, randomBytes(6 * CHUNK_BYTES));
    disk.write(sizeBytes - 700, randomBytes(700));
    const { root } = await backUp(store, disk);
    const reader = new DiskReader({ backend: store.backend, keys: store.workerKeys }, root);
    await fc.assert(
      fc.asyncProperty(fc.nat(5 * CHUNK_BYTES), fc.nat(3 * CHUNK_BYTES), async (back, count) => {
        const offset = sizeBytes - back;
        const length = Math.min(count, back);
        assert.equal(Buffer.compare(await reader.read(offset, length), disk.read(offset, length)), 0);
      }),
      { numRuns: 60 },
    );
    await assert.rejects(reader.read(sizeBytes - 1, 2), RangeError);
  });

  it('takes no place when it is all zero', async () => {
    const store = await newStore(createMemoryBackend());
    const disk = new SparseDisk(3 * SPAN);
    disk.write(SPAN, new Uint8Array(MIB));
    const { root, stats } = await backUp(store, disk);
    assert.equal(root.node, null);
    assert.equal(stats.storedBytes, 0);
    assert.equal(stats.readBytes, MIB);
  });

  it('shares what did not change: an equal leaf is the same reference, an equal disk the same root', async () => {
    const store = await newStore(createMemoryBackend());
    const disk = new SparseDisk(3 * SPAN);
    for (const leaf of [0, 1, 2]) disk.write(leaf * SPAN + 777, randomBytes(200_000));
    const first = await backUp(store, disk);
    disk.takeChanges();
    const again = await backUp(store, disk, { parent: first.root });
    assert.deepEqual(again.root, first.root);
    assert.equal(again.stats.storedBytes, 0);
    disk.write(SPAN + 5, randomBytes(10));
    const next = await backUp(store, disk, { parent: first.root, changes: disk.takeChanges() });
    const read = async (root: typeof first.root, leaf: number) =>
      new DiskReader({ backend: store.backend, keys: store.workerKeys }, root).leafRef(leaf);
    assert.deepEqual(await read(next.root, 0), await read(first.root, 0));
    assert.notDeepEqual(await read(next.root, 1), await read(first.root, 1));
    assert.deepEqual(await read(next.root, 2), await read(first.root, 2));
    assert.equal(next.stats.readBytes, CHUNK_BYTES, 'only the touched cell is read');
    assert.equal(next.stats.newBytes, CHUNK_BYTES);
  });

  it('stores equal chunks of one backup once', async () => {
    const store = await newStore(createMemoryBackend());
    const disk = new SparseDisk(SPAN);
    const bytes = randomBytes(CHUNK_BYTES);
    for (const cell of [0, 3, 9]) disk.write(cell * CHUNK_BYTES, bytes);
    const { root, stats } = await backUp(store, disk);
    assert.deepEqual([stats.newBytes, stats.dedupedBytes], [CHUNK_BYTES, 2 * CHUNK_BYTES]);
    await assertRestores(store, root, disk);
  });

  it('needs one more level past 256 leaves, and finds its way there', async () => {
    const store = await newStore(createMemoryBackend());
    const disk = new SparseDisk(300 * SPAN);
    for (const leaf of [0, 255, 256, 299]) disk.write(leaf * SPAN + 4096, randomBytes(8192));
    const { root } = await backUp(store, disk);
    assert.equal(root.levels, 2);
    await assertRestores(store, root, disk);
    const reader = new DiskReader({ backend: store.backend, keys: store.workerKeys }, root);
    const found = [];
    for await (const { index } of reader.leaves()) found.push(index);
    assert.deepEqual(found, [0, 255, 256, 299]);
    assert.equal(await reader.leafRef(1), null);
  });

  it('reads and stores again what lay in a pack that is known to be damaged', async () => {
    const store = await newStore(createMemoryBackend());
    const disk = new SparseDisk(SPAN);
    disk.write(0, randomBytes(3 * CHUNK_BYTES));
    const packs: string[] = [];
    const first = await backUp(store, disk, {
      writer: { onPack: ({ packId, kind }) => kind === 'data' && packs.push(packId) },
    });
    disk.takeChanges();
    disk.write(0, randomBytes(10));
    for await (const { name } of store.backend.list(`p/${packs[0]!.slice(0, 2)}/${packs[0]}`))
      await store.backend.delete(name);
    const writer = { damagedPacks: new Set(packs) };
    const next = await backUp(store, disk, { parent: first.root, changes: disk.takeChanges(), writer });
    assert.equal(next.stats.newBytes, 3 * CHUNK_BYTES);
    await assertRestores(store, next.root, disk);
  });

  it("reads all of a leaf whose parent's leaf is known to be damaged", async () => {
    const store = await newStore(createMemoryBackend());
    const disk = new SparseDisk(SPAN);
    disk.write(0, randomBytes(3 * CHUNK_BYTES));
    const { root } = await backUp(store, disk);
    disk.takeChanges();
    disk.write(0, randomBytes(10));
    const changes = disk.takeChanges();
    const { workerKeys: keys, backend } = store;
    const writer = new LeafWriter({
      backend,
      keys,
      chunkSizeBytes: CHUNK_BYTES,
      damagedPacks: new Set([root.node!.pack]),
    });
    const job = { index: 0, diskSizeBytes: SPAN, parent: root.node, extents: changes, whole: false };
    const node = await writer.writeLeaf(job, disk.read);
    await writer.finish();
    assert.equal(writer.stats.readBytes, SPAN);
    assert.notEqual(node!.pack, root.node!.pack);
    await assertRestores(store, { ...root, node }, disk);
  });

  for (const chunkSizeBytes of CHUNK_SIZES_BYTES) {
    it(`restores with chunks of ${chunkSizeBytes} bytes`, async () => {
      const store = await newStore(createMemoryBackend());
      const disk = new SparseDisk(5 * MIB + 512);
      disk.write(1000, randomBytes(2 * MIB));
      disk.write(5 * MIB, randomBytes(512));
      const first = await backUp(store, disk, { chunkSizeBytes });
      await assertRestores(store, first.root, disk);
      disk.takeChanges();
      disk.write(70_000, randomBytes(3));
      const next = await backUp(store, disk, { chunkSizeBytes, parent: first.root, changes: disk.takeChanges() });
      assert.equal(next.stats.newBytes, chunkSizeBytes);
      await assertRestores(store, next.root, disk);
    });
  }

  it('fills many packs, and tells each only when it is in the store', async () => {
    const store = await newStore(createMemoryBackend());
    const disk = new SparseDisk(SPAN);
    for (let at = 0; at < 26; at++) disk.write(at * MIB, randomBytes(MIB));
    const told: string[] = [];
    const { root } = await backUp(store, disk, { writer: { onPack: ({ name }) => told.push(name) } });
    assert.equal(told.filter((name) => name.startsWith('p/')).length, 3);
    for (const name of told) assert.ok(await store.backend.head(name));
    await assertRestores(store, root, disk);
  });

  it('refuses a parent of another size and a source that gives too little', async () => {
    const store = await newStore(createMemoryBackend());
    const disk = new SparseDisk(SPAN);
    disk.write(0, randomBytes(100));
    const { root } = await backUp(store, disk);
    const larger = new SparseDisk(2 * SPAN);
    larger.write(0, randomBytes(100));
    await assert.rejects(backUp(store, larger, { parent: root, changes: larger.takeChanges() }), RangeError);
    Object.assign(larger, { read: () => new Uint8Array(10) });
    await assert.rejects(backUp(store, larger), RangeError);
  });
});
