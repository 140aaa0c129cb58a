import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Backend } from './backend.ts';
import { DiskBackend } from './backends/disk.ts';
import { createMemoryBackend } from './memoryBackend.ts';
import { verifyAll } from './rescue.ts';
import { openStore, type Store } from './store.ts';
import { assertRestores, backUp, CHUNK_BYTES, commitBody, KEK, newStore } from './testing/backup.ts';
import { BackendDied, MortalBackend } from './testing/mortalBackend.ts';
import { SparseDisk } from './testing/sparseDisk.ts';
import { PowerCut, VolatileFiles } from './testing/volatileFiles.ts';
import { type DiskRoot, leafSpanBytes } from './tree.ts';

const SPAN = leafSpanBytes(CHUNK_BYTES);

/** Two states of one disk over two leaves, and what changed between them. */
const first = new SparseDisk(2 * SPAN);
first.write(4096, randomBytes(200_000));
first.write(SPAN + 50_000, randomBytes(70_000));
first.takeChanges();
const second = first.copy();
second.write(100_000, randomBytes(5000));
second.zero(SPAN, CHUNK_BYTES);
const changes = second.takeChanges();

/** What a vault does on two days. `shown` gets a point only after all of it was promised. */
const twoDays = async (backend: Backend, shown: { name: string; disk: SparseDisk }[]): Promise<void> => {
  const store = await newStore(backend);
  let previous: string | null = null;
  const day = async (cseq: number, disk: SparseDisk, parent?: DiskRoot): Promise<DiskRoot> => {
    const { root } = await backUp(store, disk, parent ? { parent, changes } : {});
    const { name, bytes } = store.sealCommit(commitBody(store, cseq, root, { previous }));
    previous = name.slice(-64);
    await store.putCommit(name, bytes);
    shown.push({ name, disk });
    return root;
  };
  await day(2, second, await day(1, first));
};

/** Whatever was shown restores; whatever is listed restores too, for a commit is put last. */
const assertPromisesKept = async (
  backend: Backend,
  shown: readonly { name: string; disk: SparseDisk }[],
): Promise<void> => {
  if (!(await backend.head('fmt'))) {
    assert.deepEqual(shown, []);
    return;
  }
  const store = await openStore(backend, KEK);
  const listed: string[] = [];
  for await (const { name, cseq } of store.commits()) {
    listed.push(name);
    await assertPointRestores(store, name, cseq === 1 ? first : second);
  }
  for (const { name } of shown) assert.ok(listed.includes(name), `${name} was shown and is gone`);
  assert.deepEqual((await verifyAll({ backend, kek: KEK })).damages, []);
};

const assertPointRestores = async (store: Store, name: string, disk: SparseDisk): Promise<void> => {
  const body = await store.openCommit(name);
  await assertRestores(store, body.disks[0]!.root, disk);
};

const theCut = (error: unknown): PowerCut => {
  if (error instanceof PowerCut) return error;
  throw error;
};

/** A later start goes on in the same place, as if nothing had been. */
const assertUsable = async (backend: Backend): Promise<void> => {
  const store = (await backend.head('fmt')) ? await openStore(backend, KEK) : await newStore(backend);
  const { root } = await backUp(store, second);
  const { name, bytes } = store.sealCommit(commitBody(store, 9, root));
  await store.putCommit(name, bytes);
  await assertPointRestores(store, name, second);
};

describe('a power cut', () => {
  it('at any put of a full and an incremental backup loses nothing that was shown', async () => {
    const counting = new MortalBackend(createMemoryBackend());
    await twoDays(counting, []);
    assert.ok(counting.puts >= 10, `${counting.puts} puts`);
    for (let at = 1; at <= counting.puts; at++) {
      for (const after of [false, true]) {
        const inner = createMemoryBackend();
        const shown: { name: string; disk: SparseDisk }[] = [];
        await assert.rejects(twoDays(new MortalBackend(inner, at, after), shown), BackendDied);
        await assertPromisesKept(inner, shown);
        await assertUsable(inner);
      }
    }
  });

  it('at any file call loses nothing that was shown, whatever of the unsynced the disk kept', async () => {
    const whole = new VolatileFiles();
    await twoDays(new DiskBackend('/store', whole), []);
    const calls = whole.calls.length;
    assert.ok(calls > 80, `${calls} calls`);
    for (let at = 1; at <= calls; at++) {
      const files = new VolatileFiles();
      files.cutAt = at;
      const shown: { name: string; disk: SparseDisk }[] = [];
      const cut = await twoDays(new DiskBackend('/store', files), shown).then(() => undefined, theCut);
      // packs have random names: two that share a folder need fewer calls
      assert.ok(cut || at > calls - 8, `call ${at} of ${calls} was not cut`);
      let turn = 0;
      for (const survives of [() => false, () => true, () => turn++ % 2 === 0, () => turn++ % 3 === 0]) {
        await assertPromisesKept(new DiskBackend('/store', files.afterPowerCut(survives)), shown);
      }
    }
  });

  it('would show in this test if a file were named before it is synced', async () => {
    const files = new VolatileFiles();
    const create = files.create.bind(files);
    files.create = async (path) => ({ ...(await create(path)), sync: async () => undefined });
    const shown: { name: string; disk: SparseDisk }[] = [];
    await twoDays(new DiskBackend('/store', files), shown);
    await assert.rejects(
      assertPromisesKept(
        new DiskBackend(
          '/store',
          files.afterPowerCut(() => false),
        ),
        shown,
      ),
    );
  });

  it('would show in this test if a folder were not synced', async () => {
    const files = new VolatileFiles();
    files.syncFolder = async () => undefined;
    const shown: { name: string; disk: SparseDisk }[] = [];
    await twoDays(new DiskBackend('/store', files), shown);
    await assert.rejects(
      assertPromisesKept(
        new DiskBackend(
          '/store',
          files.afterPowerCut(() => false),
        ),
        shown,
      ),
    );
  });
});
