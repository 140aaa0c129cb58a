import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { CodedError, isCoded } from '../lib/error.ts';
import type { Backend } from './backend.ts';
import { listed } from './backends/backend.contract.ts';
import { DiskReader } from './diskReader.ts';
import { commitName, packName, parsePackName } from './format/names.ts';
import { createMemoryBackend } from './memoryBackend.ts';
import { PackReader } from './packs/packReader.ts';
import { listPoints, verifyAll } from './rescue.ts';
import { openStore, type Store } from './store.ts';
import { assertRestores, backUp, CHUNK_BYTES, commitBody, KEK, newStore } from './testing/backup.ts';
import { SparseDisk } from './testing/sparseDisk.ts';
import type { DiskRoot } from './tree.ts';

interface Vault {
  readonly store: Store;
  readonly backend: Backend;
  readonly disk: SparseDisk;
  readonly root: DiskRoot;
  readonly commit: string;
  readonly dataPack: string;
  readonly metaPack: string;
}

const newVault = async (): Promise<Vault> => {
  const backend = createMemoryBackend();
  const store = await newStore(backend);
  const disk = new SparseDisk(600 * CHUNK_BYTES);
  disk.write(0, randomBytes(3 * CHUNK_BYTES));
  disk.write(550 * CHUNK_BYTES, Buffer.alloc(CHUNK_BYTES, 'orchard'));
  const packs: { name: string; kind: string }[] = [];
  const { root } = await backUp(store, disk, { writer: { onPack: (pack) => packs.push(pack) } });
  const { name, bytes } = store.sealCommit(commitBody(store, 1, root));
  await store.putCommit(name, bytes);
  const named = (kind: string): string => packs.find((pack) => pack.kind === kind)!.name;
  return { store, backend, disk, root, commit: name, dataPack: named('data'), metaPack: named('meta') };
};

const replace = async (backend: Backend, name: string, bytes: Uint8Array): Promise<void> => {
  await backend.delete(name);
  await backend.put(name, bytes);
};

/** What an attacker without the key can do: other bytes under a name that fits them. */
const replacePack = async (vault: Vault, name: string, bytes: Uint8Array): Promise<void> => {
  const { packId, generation } = parsePackName(name)!;
  await vault.backend.delete(name);
  await vault.backend.put(packName(packId, generation, hash('sha256', bytes, 'hex')), bytes);
};

const restore = async (vault: Vault): Promise<void> => {
  const store = await openStore(vault.backend, KEK);
  const body = await store.openCommit(vault.commit);
  await assertRestores(store, body.disks[0]!.root, vault.disk);
};

/** Right bytes, or a refusal; never wrong bytes. */
const assertNothingWrong = async (vault: Vault): Promise<void> => {
  try {
    await restore(vault);
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
  }
};

const damagesFound = async (backend: Backend): Promise<number> => {
  try {
    return (await verifyAll({ backend, kek: KEK })).damages.length;
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return 1;
  }
};

const isDamaged = (error: unknown): boolean => isCoded(error, 'StoreDataDamaged');

describe('a store that was tampered with', () => {
  it('finds any flipped bit in any object, and never gives wrong bytes', async () => {
    const vault = await newVault();
    const objects = await listed(vault.backend, '');
    assert.deepEqual(new Set(objects.map(({ name }) => name.split('/')[0])), new Set(['fmt', 'keys', 'p', 'rp']));
    for (const { name, sizeBytes } of objects) {
      const sound = await vault.backend.get(name);
      for (let round = 0; round < 40; round++) {
        const spoilt = new Uint8Array(sound);
        const at = round === 0 ? 0 : round === 1 ? sizeBytes - 1 : Math.floor(Math.random() * sizeBytes);
        const bit = 1 << Math.floor(Math.random() * 8);
        spoilt[at]! ^= bit;
        await replace(vault.backend, name, spoilt);
        assert.ok((await damagesFound(vault.backend)) > 0, `bit ${bit} of byte ${at} of ${name} was not missed`);
        await assertNothingWrong(vault);
      }
      await replace(vault.backend, name, sound);
    }
    assert.equal(await damagesFound(vault.backend), 0);
  });

  it('finds an object that was cut short, at any length', async () => {
    const vault = await newVault();
    for (const { name, sizeBytes } of await listed(vault.backend, '')) {
      const sound = await vault.backend.get(name);
      for (const length of [0, 1, 40, Math.floor(sizeBytes / 2), sizeBytes - 100, sizeBytes - 1]) {
        await replace(vault.backend, name, sound.subarray(0, Math.max(0, length)));
        assert.ok((await damagesFound(vault.backend)) > 0, `${name} cut to ${length} bytes`);
        await assertNothingWrong(vault);
      }
      await replace(vault.backend, name, sound);
    }
  });

  it('finds every object that is gone, and says which part of which disk is lost', async () => {
    const vault = await newVault();
    for (const { name } of await listed(vault.backend, '')) {
      if (name === vault.commit) continue;
      const sound = await vault.backend.get(name);
      await vault.backend.delete(name);
      assert.ok((await damagesFound(vault.backend)) > 0, name);
      await vault.backend.put(name, sound);
    }
    await vault.backend.delete(vault.dataPack);
    const { damages } = await verifyAll({ backend: vault.backend, kek: KEK });
    assert.deepEqual(
      damages.map(({ pointId, lun, offset, length }) => ({ pointId, lun, offset, length })),
      [0, 1, 2, 550].map((cell) => ({ pointId: 'point-1', lun: -1, offset: cell * CHUNK_BYTES, length: CHUNK_BYTES })),
    );
    await assert.rejects(
      restore(vault),
      (error) => isCoded(error, 'StoreObjectMissing') && /Bytes 0 to 65535/.test(error.message),
    );
  });

  it('refuses two records that changed places', async () => {
    const vault = await newVault();
    const packs = new PackReader({ backend: vault.backend, keys: vault.store.workerKeys });
    const { packId } = parsePackName(vault.dataPack)!;
    const [one, two] = [await packs.locate(packId, 0), await packs.locate(packId, 1)];
    assert.equal(one.entry.length, two.entry.length, 'raw chunks are equally long');
    const bytes = await vault.backend.get(vault.dataPack);
    const spoilt = new Uint8Array(bytes);
    spoilt.set(bytes.subarray(two.entry.offset, two.entry.offset + two.entry.length), one.entry.offset);
    spoilt.set(bytes.subarray(one.entry.offset, one.entry.offset + one.entry.length), two.entry.offset);
    await replacePack(vault, vault.dataPack, spoilt);
    await assert.rejects(restore(vault), isDamaged);
  });

  it('refuses a pack under the name of another', async () => {
    const vault = await newVault();
    const other = await newVault();
    const bytes = await other.backend.get(other.dataPack);
    await replacePack(vault, vault.dataPack, bytes);
    await assert.rejects(restore(vault), isDamaged);
    await replacePack({ ...vault }, vault.metaPack, await vault.backend.get(vault.metaPack));
    await vault.backend.delete(vault.metaPack);
    await vault.backend.put(vault.metaPack, bytes);
    await assert.rejects(restore(vault), isDamaged);
  });

  it('reads on from the pack it knows when a newer generation is forged', async () => {
    const vault = await newVault();
    const { packId } = parsePackName(vault.dataPack)!;
    const forged = randomBytes(5000);
    await vault.backend.put(packName(packId, 1, hash('sha256', forged, 'hex')), forged);
    await restore(vault);
  });

  it('refuses a commit object that was moved to another item, renumbered or renamed', async () => {
    const vault = await newVault();
    const bytes = await vault.backend.get(vault.commit);
    const sha256 = hash('sha256', bytes, 'hex');
    for (const name of [
      commitName('item-2', 1, 'point-1', sha256),
      commitName('item-1', 2, 'point-1', sha256),
      commitName('item-1', 1, 'point-2', sha256),
    ]) {
      await vault.backend.put(name, bytes);
      await assert.rejects(vault.store.openCommit(name), isDamaged);
      await vault.backend.delete(name);
    }
  });

  it('refuses a commit object of another vault and one that only a worker made', async () => {
    const vault = await newVault();
    const other = await newVault();
    await vault.backend.put(other.commit, await other.backend.get(other.commit));
    await assert.rejects(vault.store.openCommit(other.commit), isDamaged);
    const { sealCommit } = await import('./format/commit.ts');
    const { newVaultKeys } = await import('./format/vaultKeys.ts');
    const body = commitBody(vault.store, 7, vault.root);
    const forged = sealCommit(body, newVaultKeys('vault-1'), vault.store.workerKeys);
    await vault.backend.put(forged.name, forged.bytes);
    await assert.rejects(vault.store.openCommit(forged.name), isDamaged);
    await assert.rejects(vault.store.putCommit(forged.name, forged.bytes), isDamaged);
    const points = await listPoints({ backend: vault.backend, kek: KEK });
    assert.deepEqual(
      points.points.map(({ pointId }) => pointId),
      ['point-1'],
    );
    assert.equal(points.damages.length, 2);
  });

  it('never takes a chunk for a node, though a guest wrote the very bytes of one', async () => {
    const vault = await newVault();
    const { packId } = parsePackName(vault.metaPack)!;
    const packs = new PackReader({ backend: vault.backend, keys: vault.store.workerKeys });
    const { openCodec } = await import('./format/codec.ts');
    const { nodeNamer } = await import('./format/chunkId.ts');
    const namer = nodeNamer(vault.store.workerKeys);
    const leaf = await packs.readRecord(await packs.locate(packId, 0), openCodec(), namer);
    const disk = new SparseDisk(512 * CHUNK_BYTES);
    disk.write(0, leaf);
    const written: string[] = [];
    await backUp(vault.store, disk, {
      writer: { onPack: (pack) => pack.kind === 'data' && written.push(pack.packId) },
    });
    const node = { pack: written[0]!, slot: 0, id: Buffer.from(namer(leaf)).toString('hex') };
    const root = { node, levels: 0, sizeBytes: disk.sizeBytes, chunkSizeBytes: CHUNK_BYTES };
    const reader = new DiskReader({ backend: vault.backend, keys: vault.store.workerKeys }, root);
    await assert.rejects(
      reader.readLeafCells(0, () => undefined),
      isDamaged,
    );
  });

  it('shows a commit object that was put in the place of an older one', async () => {
    const vault = await newVault();
    const previous = vault.commit.slice(-64);
    const next = vault.store.sealCommit(commitBody(vault.store, 2, vault.root, { previous }));
    await vault.store.putCommit(next.name, next.bytes);
    assert.equal(await damagesFound(vault.backend), 0);
    const other = vault.store.sealCommit(commitBody(vault.store, 1, vault.root, { machine: 'another' }));
    await vault.backend.delete(vault.commit);
    await vault.store.putCommit(other.name, other.bytes);
    assert.equal(await damagesFound(vault.backend), 1);
  });
});

describe('a read that errs once', () => {
  it('is done again and is no damage', async () => {
    const vault = await newVault();
    let lies = 0;
    const lying: Backend = {
      ...{ put: vault.backend.put, head: vault.backend.head, delete: vault.backend.delete },
      list: (prefix) => vault.backend.list(prefix),
      async get(name, range) {
        const bytes = await vault.backend.get(name, range);
        if (name.startsWith('p/') && lies++ % 2 === 0) bytes[Math.floor(bytes.length / 2)]! ^= 1;
        return bytes;
      },
    };
    await assertRestores({ ...vault.store, backend: lying }, vault.root, vault.disk);
    assert.ok(lies > 3);
  });
});
