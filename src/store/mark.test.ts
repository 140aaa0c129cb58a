import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isCoded } from '../lib/error.ts';
import { MemoryBackend } from './backends/memory.ts';
import { DiskReader } from './diskReader.ts';
import type { MarkRoot } from './mark.ts';
import { markRoots } from './mark.ts';
import { type MarkedPack, PackMarks } from './packMarks.ts';
import type { PackRecord } from './packRecord.ts';
import type { Store } from './store.ts';
import { backUp, CHUNK_BYTES, newStore } from './testing/backup.ts';
import { SparseDisk } from './testing/sparseDisk.ts';
import { type DiskRoot, leafSpanBytes } from './tree.ts';
import { writeTree } from './treeWriter.ts';

async function* inPages(packs: readonly MarkedPack[], size = 3): AsyncGenerator<readonly MarkedPack[]> {
  const sorted = packs.toSorted((a, b) => (a.packId < b.packId ? -1 : 1));
  for (let at = 0; at < sorted.length; at += size) yield sorted.slice(at, at + size);
}

void describe('the table of marks', () => {
  const packId = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex'));

  test('finds every pack and keeps their bits apart', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.record({ packId, slots: fc.integer({ min: 0, max: 40 }) }), {
          selector: (pack) => pack.packId,
          maxLength: 60,
        }),
        fc.array(fc.tuple(fc.nat(), fc.nat())),
        packId,
        async (packs, places, stranger) => {
          const marks = await PackMarks.build(inPages(packs));
          const model = new Set<string>();
          for (const [pack, slot] of places) {
            const { packId: id, slots } = packs[pack % Math.max(1, packs.length)] ?? { packId: '', slots: 0 };
            if (slots === 0) continue;
            const index = marks.find(id);
            assert.equal(marks.mark(index, slot % slots), !model.has(`${id} ${slot % slots}`));
            model.add(`${id} ${slot % slots}`);
          }
          for (const { packId: id, slots } of packs) {
            const index = marks.find(id);
            assert.equal(marks.packId(index), id);
            for (let slot = 0; slot < slots; slot++)
              assert.equal(marks.isLive(index, slot), model.has(`${id} ${slot}`));
            const live = Array.from({ length: slots }, (_, slot) => model.has(`${id} ${slot}`)).filter(Boolean);
            assert.equal(marks.liveSlots(index), live.length);
            assert.throws(() => marks.mark(index, slots), RangeError);
          }
          assert.equal(
            marks.find(stranger) >= 0,
            packs.some((pack) => pack.packId === stranger),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  test('takes packs only in the order of their ids', async () => {
    const pages = async function* () {
      yield [
        { packId: 'ff'.repeat(16), slots: 1 },
        { packId: '00'.repeat(16), slots: 1 },
      ];
    };
    await assert.rejects(PackMarks.build(pages()), /not in the order/);
  });
});

/** Two points of a disk of three leaves that share most, and every pack of theirs. */
const twoPoints = async () => {
  const store = await newStore(new MemoryBackend());
  const packs: PackRecord[] = [];
  const onPack = (pack: PackRecord) => void packs.push(pack);
  const span = leafSpanBytes(CHUNK_BYTES);
  const disk = new SparseDisk(3 * span);
  for (let cell = 0; cell < 60; cell++) disk.write(cell * 20 * CHUNK_BYTES, randomBytes(1000));
  const writer = { onPack };
  const first = await recorded(store, await backUp(store, disk, { writer }), packs);
  disk.write(span, randomBytes(500));
  const changes = [{ kind: 'data' as const, offset: span, length: 500 }];
  const second = await recorded(store, await backUp(store, disk, { writer, parent: first, changes }), packs);
  return { store, packs, first, second };
};

/** The helper does not tell of the packs of inner nodes: the store's listing does. */
const recorded = async (
  store: Store,
  { root }: { readonly root: DiskRoot },
  packs: PackRecord[],
): Promise<DiskRoot> => {
  for await (const { name, sizeBytes } of store.backend.list('p/')) {
    const packId = name.split('/')[2]!.split('.')[0]!;
    if (!packs.some((pack) => pack.packId === packId)) packs.push({ packId, name, kind: 'meta', sizeBytes, slots: 4 });
  }
  return root;
};

const marked = async (store: Store, packs: readonly MarkedPack[], roots: readonly MarkRoot[]) => {
  const marks = await PackMarks.build(inPages(packs));
  const progress = await markRoots({ backend: store.backend, keys: store.structKeys, marks, roots });
  return { marks, progress };
};

/** Every place a tree names, by way of the reader that restores. */
const placesOf = async (store: Store, root: DiskRoot): Promise<Set<string>> => {
  const places = new Set<string>();
  const reader = new DiskReader({ backend: store.backend, keys: store.workerKeys }, root);
  for await (const { index } of reader.leaves()) {
    const leaf = await reader.leafRef(index);
    if (leaf) places.add(`${leaf.pack} ${leaf.slot}`);
  }
  if (root.node) places.add(`${root.node.pack} ${root.node.slot}`);
  return places;
};

void describe('marking', () => {
  test('reaches every node of a tree once, and all that points share only once', async () => {
    const { store, packs, first, second } = await twoPoints();
    const one = await marked(store, packs, [{ name: 'one', root: first }]);
    const both = await marked(store, packs, [
      { name: 'one', root: first },
      { name: 'two', root: second },
    ]);
    assert.equal(one.progress.nodes, 4, 'three leaves and a node above');
    assert.equal(both.progress.nodes, 6, 'of the second tree only a leaf and the node above are new');
    for (const root of [first, second])
      for (const place of await placesOf(store, root)) {
        const [pack, slot] = place.split(' ');
        assert.ok(both.marks.isLive(both.marks.find(pack!), Number(slot)), place);
      }
    const data = packs.filter(({ kind }) => kind === 'data');
    const live = (marks: PackMarks) => data.reduce((sum, { packId }) => sum + marks.liveSlots(marks.find(packId)), 0);
    assert.equal(live(one.marks), 60);
    assert.equal(live(both.marks), 61);
  });

  test('a disk without data has nothing to mark', async () => {
    const { store, packs, first } = await twoPoints();
    const { progress } = await marked(store, packs, [{ name: 'empty', root: { ...first, node: null } }]);
    assert.deepEqual(progress, { roots: 1, nodes: 0 });
  });

  test('a pack that the table does not know ends it, and the root is named', async () => {
    const { store, packs, first } = await twoPoints();
    const data = packs.find(({ kind }) => kind === 'data')!;
    const others = packs.filter((pack) => pack !== data);
    await assert.rejects(
      marked(store, others, [{ name: 'point seven', root: first }]),
      (error) =>
        isCoded(error, 'StoreObjectMissing') && /point seven/.test(error.message) && error.target === data.packId,
    );
  });

  test('a node that cannot be read ends it', async () => {
    const { store, packs, first } = await twoPoints();
    for (const { name } of packs.filter(({ kind }) => kind === 'meta')) await store.backend.delete(name);
    await assert.rejects(
      marked(store, packs, [{ name: 'point seven', root: first }]),
      (error) => isCoded(error, 'StoreObjectMissing') && /point seven cannot be followed/.test(error.message),
    );
  });

  test('a reference to another node than the tree names ends it', async () => {
    const { store, packs, first, second } = await twoPoints();
    const wrong = { ...first, node: { ...first.node!, id: second.node!.id } };
    await assert.rejects(marked(store, packs, [{ name: 'p', root: wrong }]), (e) => isCoded(e, 'StoreDataDamaged'));
    const flat = { ...first, levels: first.levels + 1 };
    await assert.rejects(marked(store, packs, [{ name: 'p', root: flat }]), (e) => isCoded(e, 'StoreDataDamaged'));
  });

  test('a tree of three levels is followed to its last leaf', async () => {
    const { store, packs, first } = await twoPoints();
    const span = leafSpanBytes(CHUNK_BYTES);
    const reader = new DiskReader({ backend: store.backend, keys: store.workerKeys }, first);
    const leaf = (await reader.leafRef(1))!;
    const sizeBytes = 256 * 256 * span * 2;
    const leaves = new Map([0, 300, 70_000, 131_071].map((at) => [at, leaf]));
    const { backend, workerKeys: keys } = store;
    const root = await writeTree({ backend, keys }, { sizeBytes, chunkSizeBytes: CHUNK_BYTES, leaves });
    assert.equal(root.levels, 3);
    await recorded(store, { root }, packs);
    const known = packs.map((pack) => ({ ...pack, slots: Math.max(pack.slots, 32) }));
    const { progress } = await marked(store, known, [{ name: 'wide', root }]);
    assert.equal(progress.nodes, 1 + 1 + 2 + 4, 'a leaf they share, and the nodes above its four places');
  });
});
