import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { CodedError, isCoded } from '../lib/error.ts';
import { TurnedClock } from '../lib/turnedClock.ts';
import type { Backend } from './backend.ts';
import { DiskReader } from './diskReader.ts';
import { createMemoryBackend } from './memoryBackend.ts';
import { replicatedBackend } from './openBackend.ts';
import { type BadRead, firstSound } from './secondOpinion.ts';
import { mendFormat, openStore } from './store.ts';
import { assertRestores, backUp, CHUNK_BYTES, commitBody, KEK, newStore } from './testing/backup.ts';
import { SparseDisk } from './testing/sparseDisk.ts';
import { writeTree } from './treeWriter.ts';

const replace = async (backend: Backend, name: string, bytes: Uint8Array): Promise<void> => {
  await backend.delete(name);
  await backend.put(name, bytes);
};

const flipped = (bytes: Uint8Array, at: number): Uint8Array => {
  const spoilt = new Uint8Array(bytes);
  spoilt[at]! ^= 1;
  return spoilt;
};

/** A store in two copies. */
const newCopies = async () => {
  const copies = [createMemoryBackend(), createMemoryBackend()] as const;
  const backend = replicatedBackend(
    copies.map((copy, index) => ({ name: `copy-${index}`, backend: copy })),
    2,
  );
  const store = await newStore(backend);
  const disk = new SparseDisk(600 * CHUNK_BYTES);
  disk.write(0, randomBytes(3 * CHUNK_BYTES));
  const packs: string[] = [];
  const { root } = await backUp(store, disk, { writer: { onPack: ({ name }) => packs.push(name) } });
  const { name: commit, bytes } = store.sealCommit(commitBody(store, 1, root));
  await store.putCommit(commit, bytes);
  return { copies, backend, store, disk, root, packs, commit };
};

describe('a second opinion', () => {
  it('restores from whichever copy is good, whatever is wrong with the other, and tells of bad reads', async () => {
    const { copies, backend, disk, root, packs, commit } = await newCopies();
    for (const name of ['fmt', 'keys/1', commit, ...packs]) {
      for (const copy of copies) {
        const sound = await copy.get(name);
        const worse = [flipped(sound, sound.length - 90), flipped(sound, 70), sound.subarray(0, 100), undefined];
        for (const bad of worse) {
          await copy.delete(name);
          if (bad) await copy.put(name, bad);
          const opened = await openStore(backend, KEK);
          assert.deepEqual((await opened.openCommit(commit)).disks[0]!.root, root);
          await assertRestores(opened, root, disk);
          await replace(copy, name, sound);
        }
      }
    }
    const { name: data } = { name: packs[0]! };
    await replace(copies[0], data, flipped(await copies[0].get(data), 70));
    const seen: BadRead[] = [];
    const { workerKeys: keys } = await openStore(backend, KEK);
    const reader = new DiskReader({ backend, keys, onBadRead: (bad) => seen.push(bad) }, root);
    assert.equal(Buffer.compare(await reader.read(0, CHUNK_BYTES), disk.read(0, CHUNK_BYTES)), 0);
    assert.deepEqual([...new Set(seen.map(({ object }) => object))], [data]);
  });

  it('is damage only when no copy is good, and no answer is not damage', async () => {
    const refused = () => new CodedError('StoreDataDamaged', 'bad');
    const copies = [createMemoryBackend(), createMemoryBackend()];
    const both = { ...createMemoryBackend(), copies } as unknown as Backend;
    let asked = 0;
    const bad = async () => void asked++;
    await assert.rejects(firstSound(both, 'x', bad, refused), (error) => isCoded(error, 'StoreDataDamaged'));
    assert.equal(asked, 4, 'each copy twice');
    const oneAway = async (copy: Backend) => {
      if (copy === copies[0]) return undefined;
      throw new CodedError('StoreIoFailed', 'no answer');
    };
    await assert.rejects(firstSound(both, 'x', oneAway, refused), (error) => isCoded(error, 'StoreIoFailed'));
    const lost = async (copy: Backend) => {
      if (copy === copies[0]) throw new CodedError('StoreObjectMissing', 'gone');
      return undefined;
    };
    await assert.rejects(firstSound(both, 'x', lost, refused), (error) => isCoded(error, 'StoreDataDamaged'));
    assert.equal(await firstSound(both, 'x', async (copy) => (copy === copies[1] ? 7 : undefined), refused), 7);
  });
});

describe('a listing that tells the size of a copy that is cut short', () => {
  it('does not hide the good copy', async () => {
    const { copies, disk, root, packs } = await newCopies();
    for (const name of packs) await replace(copies[0], name, (await copies[0].get(name)).subarray(0, 500));
    const [cut, good] = copies;
    const backend: Backend = {
      ...{ copies: [cut, good], list: (prefix: string) => cut.list(prefix), head: (name: string) => cut.head(name) },
      put: (name, bytes) => good.put(name, bytes),
      get: (name, range) => cut.get(name, range),
      delete: (name) => cut.delete(name),
    };
    await assertRestores(await openStore(backend, KEK), root, disk);
  });
});

describe('a tree whose parent lost a node', () => {
  it('is written when all under the node is named, and refused otherwise', async () => {
    const { store, root, backend } = await newCopies();
    const reader = new DiskReader({ backend, keys: store.workerKeys }, root);
    const leaves = new Map([[0, await reader.leafRef(0)]]);
    const { sizeBytes, chunkSizeBytes } = root;
    const damagedPacks = new Set([root.node!.pack]);
    const change = { sizeBytes, chunkSizeBytes, parent: root, damagedPacks };
    const options = { backend, keys: store.workerKeys };
    await assert.rejects(writeTree(options, { ...change, leaves }), (error) => isCoded(error, 'StoreDataDamaged'));
    await assert.rejects(writeTree(options, { ...change, leaves: new Map() }), (error) =>
      isCoded(error, 'StoreDataDamaged'),
    );
    const mended = await writeTree(options, { ...change, leaves: new Map([...leaves, [1, await reader.leafRef(1)]]) });
    assert.equal(mended.node!.id, root.node!.id, 'the same node');
    assert.notEqual(mended.node!.pack, root.node!.pack, 'in another pack');
  });
});

describe('a lost fmt', () => {
  it('is made again by who has the key', async () => {
    const { backend, store, disk, root } = await newCopies();
    const how = { clock: new TurnedClock(), reaper: backend };
    assert.equal(await mendFormat(backend, KEK, how), 'sound');
    await backend.delete('fmt');
    await assert.rejects(openStore(backend, KEK), (error) => isCoded(error, 'StoreNotAVault'));
    assert.equal(await mendFormat(backend, KEK, how), 'mended');
    await replace(backend, 'fmt', flipped(await backend.get('fmt'), 40));
    await assert.rejects(openStore(backend, KEK), (error) => isCoded(error, 'StoreDataDamaged'));
    assert.equal(await mendFormat(backend, KEK, how), 'mended');
    assert.equal((await openStore(backend, KEK)).vaultId, store.vaultId);
    await assertRestores(store, root, disk);
    await assert.rejects(mendFormat(createMemoryBackend(), KEK, how), (error) => isCoded(error, 'StoreNotAVault'));
  });
});
