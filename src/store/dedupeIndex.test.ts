import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DedupeIndex } from './dedupeIndex.ts';
import { createMemoryBackend } from './memoryBackend.ts';
import { assertRestores, backUp, CHUNK_BYTES, newStore } from './testing/backup.ts';
import { SparseDisk } from './testing/sparseDisk.ts';

const PACK = 'ab'.repeat(16);
let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'strongroom-dedupe-'));
});
after(() => rm(folder, { recursive: true }));
const newPath = (): string => join(folder, randomBytes(8).toString('hex'));

const rows = (count: number) => Array.from({ length: count }, (_, slot) => ({ id: randomBytes(32), slot }));

describe('the dedupe index', () => {
  it('finds what was added, by the first 16 bytes, also from another opening of the file', () => {
    const path = newPath();
    using index = new DedupeIndex(path);
    using other = new DedupeIndex(path);
    const added = rows(100);
    index.add(PACK, added);
    for (const { id, slot } of added) assert.deepEqual(other.find(id), { pack: PACK, slot });
    assert.equal(index.find(randomBytes(32)), undefined);
  });

  it('forgets a pack, and does not find its rows under a later one', () => {
    using index = new DedupeIndex(newPath());
    const added = rows(10);
    index.add(PACK, added);
    index.forget([PACK]);
    assert.equal(index.find(added[0]!.id), undefined);
    index.add('cd'.repeat(16), rows(10));
    assert.equal(index.find(added[0]!.id), undefined);
  });

  it('stays within its bounds and keeps the rest', async () => {
    const path = newPath();
    using index = new DedupeIndex(path, { maxBytes: 300_000 });
    let last = rows(1);
    for (let pack = 0; pack < 40; pack++) {
      last = rows(500);
      index.add(randomBytes(16).toString('hex'), last);
    }
    assert.equal(index.problem, undefined);
    const found = last.filter(({ id }) => index.find(id)).length;
    assert.ok(found > 300, `${found} of the last 500 are found`);
    assert.ok((await stat(path)).size < 900_000);
  });

  it('replaces a file that is no index', async () => {
    const path = newPath();
    await writeFile(path, randomBytes(9000));
    using index = new DedupeIndex(path);
    const added = rows(3);
    index.add(PACK, added);
    assert.deepEqual(index.find(added[2]!.id), { pack: PACK, slot: 2 });
  });

  it('is out of use, and fails nothing, when its file cannot be', () => {
    using index = new DedupeIndex(join(folder, 'no', 'such', 'folder'));
    assert.match(index.problem!, /unable to open/);
    index.add(PACK, rows(3));
    index.forget([PACK]);
    assert.equal(index.find(randomBytes(32)), undefined);
  });
});

describe('a backup with a dedupe index', () => {
  const twoDisks = () => {
    const one = new SparseDisk(40 * CHUNK_BYTES);
    one.write(0, randomBytes(20 * CHUNK_BYTES));
    const two = one.copy();
    two.write(3 * CHUNK_BYTES, randomBytes(CHUNK_BYTES));
    return { one, two };
  };

  it('stores a second machine of the same base by reference', async () => {
    using dedupe = new DedupeIndex(newPath());
    const store = await newStore(createMemoryBackend());
    const { one, two } = twoDisks();
    await backUp(store, one, { writer: { dedupe } });
    const { root, stats } = await backUp(store, two, { writer: { dedupe } });
    assert.deepEqual([stats.dedupedBytes, stats.newBytes], [19 * CHUNK_BYTES, CHUNK_BYTES]);
    await assertRestores(store, root, two);
  });

  it('believes no hint that the pack does not confirm', async () => {
    using dedupe = new DedupeIndex(newPath());
    const first = await newStore(createMemoryBackend());
    const { one } = twoDisks();
    await backUp(first, one, { writer: { dedupe } });
    // the same keys over a store that lost everything
    const store = { ...first, backend: createMemoryBackend() };
    const { root, stats } = await backUp(store, one, { writer: { dedupe } });
    assert.equal(stats.dedupedBytes, 0);
    await assertRestores(store, root, one);
  });

  it('believes no hint that points to another chunk', async () => {
    using dedupe = new DedupeIndex(newPath());
    const store = await newStore(createMemoryBackend());
    const { one } = twoDisks();
    const ids: Uint8Array[] = [];
    let pack = '';
    using spy = new DedupeIndex(newPath());
    spy.add = (name, added) => {
      pack = name;
      for (const { id } of added) ids.push(new Uint8Array(id));
    };
    await backUp(store, one, { writer: { dedupe: spy } });
    dedupe.add(
      pack,
      ids.map((id, slot) => ({ id, slot: (slot + 1) % ids.length })),
    );
    const { root, stats } = await backUp(store, one, { writer: { dedupe } });
    assert.equal(stats.dedupedBytes, 0);
    await assertRestores(store, root, one);
  });
});
