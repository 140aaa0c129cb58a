import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { CodedError, isCoded } from '../lib/error.ts';
import type { Backend } from './backend.ts';
import { listed } from './backends/backend.contract.ts';
import { decodeHeader, HEADER_BYTES } from './format/pack.ts';
import { changeKey, forgetOldKeys, newGeneration } from './keyChanges.ts';
import type { KeyEncryptionKey } from './keys.ts';
import { createMemoryBackend } from './memoryBackend.ts';
import { openStore } from './store.ts';
import { assertRestores, backUp, CHUNK_BYTES, KEK, newStore } from './testing/backup.ts';
import { BackendDied, MortalBackend } from './testing/mortalBackend.ts';
import { SparseDisk } from './testing/sparseDisk.ts';

const OTHER: KeyEncryptionKey = { kind: 'file', bytes: new Uint8Array(32).fill(8) };
const names = async (backend: Backend, prefix: string) => (await listed(backend, prefix)).map(({ name }) => name);
const opens = async (backend: Backend, kek: KeyEncryptionKey): Promise<boolean> => {
  try {
    return (await openStore(backend, kek)).vaultId === 'vault-1';
  } catch (error) {
    if (isCoded(error, 'StoreKeyWrong')) return false;
    throw error;
  }
};

describe('changing the key', () => {
  it('adds one small object and touches no other', async () => {
    const backend = createMemoryBackend();
    const store = await newStore(backend);
    await backUp(store, diskOf(randomBytes(CHUNK_BYTES)));
    const before = await names(backend, '');
    assert.deepEqual(await changeKey(backend, KEK, OTHER), { keysNumber: 2, generation: 1 });
    assert.deepEqual(await names(backend, ''), [...before, 'keys/2'].sort());
    assert.deepEqual((await openStore(backend, OTHER)).workerKeys, store.workerKeys);
    assert.equal((await openStore(backend, OTHER)).keysNumber, 2);
  });

  it('cut off at any write leaves the vault to the old key or to the new one', async () => {
    for (const change of ['key', 'generation'] as const) {
      const outcomes: (readonly boolean[])[] = [];
      for (const after of [false, true]) {
        const backend = createMemoryBackend();
        await newStore(backend);
        const dying = new MortalBackend(backend, 1, after);
        const to: KeyEncryptionKey = change === 'key' ? OTHER : KEK;
        await assert.rejects(change === 'key' ? changeKey(dying, KEK, OTHER) : newGeneration(dying, KEK), BackendDied);
        assert.equal(dying.puts, 1);
        const old: boolean = await opens(backend, KEK);
        const now: boolean = await opens(backend, to);
        assert.ok(old || now);
        outcomes.push([old, now]);
        // and the next try goes through
        const from = old ? KEK : to;
        await changeKey(backend, from, OTHER);
        assert.ok(await opens(backend, OTHER));
      }
      if (change === 'key')
        assert.deepEqual(outcomes, [
          [true, false],
          [false, true],
        ]);
    }
  });

  it('is never undone by another change at the same time', async () => {
    const backend = createMemoryBackend();
    await newStore(backend);
    const both = await Promise.allSettled([
      newGeneration(backend, KEK),
      newGeneration(backend, KEK),
      changeKey(backend, KEK, KEK),
    ]);
    const made = both.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    for (const one of both)
      if (one.status === 'rejected') assert.ok(isCoded(one.reason, 'Conflict'), String(one.reason));
    const { generations } = (await openStore(backend, KEK)).workerKeys;
    assert.equal(generations.length, Math.max(...made.map(({ generation }) => generation)));
  });

  it('takes a number that a change in between took as a conflict, whatever was read', async () => {
    const backend = createMemoryBackend();
    await newStore(backend);
    let reads = 0;
    const meddled: Backend = {
      ...{ put: backend.put.bind(backend), head: backend.head.bind(backend), delete: backend.delete.bind(backend) },
      list: (prefix) => backend.list(prefix),
      get: async (name, range) => {
        const bytes = await backend.get(name, range);
        // the first read opens the store, the second one is of what will be wrapped
        if (name === 'keys/1' && ++reads === 2) await newGeneration(backend, KEK);
        return bytes;
      },
    };
    await assert.rejects(changeKey(meddled, KEK, OTHER), (error) => isCoded(error, 'Conflict'));
    assert.equal(reads, 2);
    assert.equal((await openStore(backend, KEK)).workerKeys.generations.length, 2, 'the new generation is kept');
  });

  it('is not believed before it was read back', async () => {
    const backend = createMemoryBackend();
    await newStore(backend);
    const stale = await backend.get('keys/1');
    const lying: Backend = {
      ...{ put: backend.put.bind(backend), head: backend.head.bind(backend), delete: backend.delete.bind(backend) },
      list: (prefix) => backend.list(prefix),
      get: async (name, range) => (name === 'keys/2' ? stale : backend.get(name, range)),
    };
    await assert.rejects(newGeneration(lying, KEK), (error) => error instanceof CodedError);
  });
});

describe('a new generation of keys', () => {
  it('seals what is new, while what is old stays readable and equal chunks are found equal', async () => {
    const backend = createMemoryBackend();
    const old = await newStore(backend);
    const same = randomBytes(CHUNK_BYTES);
    const first = diskOf(same);
    const { root } = await backUp(old, first);
    const oldPacks = new Set(await names(backend, 'p/'));
    assert.deepEqual(await newGeneration(backend, KEK), { keysNumber: 2, generation: 2 });
    const store = await openStore(backend, KEK);
    assert.deepEqual(store.workerKeys.generations[0], old.workerKeys.generations[0]);
    const [before, now] = store.workerKeys.generations;
    assert.notDeepEqual(before!.dataKey, now!.dataKey);
    assert.deepEqual(store.workerKeys.idKey, old.workerKeys.idKey);
    const second = diskOf(same);
    second.write(5 * CHUNK_BYTES, randomBytes(CHUNK_BYTES));
    const next = await backUp(store, second, {
      parent: root,
      changes: [{ offset: 5 * CHUNK_BYTES, length: CHUNK_BYTES, kind: 'data' }],
    });
    await assertRestores(store, root, first);
    await assertRestores(store, next.root, second);
    for (const name of await names(backend, 'p/')) {
      const header = decodeHeader(await backend.get(name, { offset: 0, length: HEADER_BYTES }));
      assert.equal(header?.keyGeneration, oldPacks.has(name) ? 1 : 2, name);
    }
    // who has the old keys only does not read what is new
    await assert.rejects(assertRestores(old, next.root, second), (error) => isCoded(error, 'StoreKeyWrong'));
  });
});

describe('an older keys object', () => {
  it('put again under a higher number brings no old keys back', async () => {
    const backend = createMemoryBackend();
    await newStore(backend);
    await newGeneration(backend, KEK);
    await backend.put('keys/3', await backend.get('keys/1'));
    assert.equal((await openStore(backend, KEK)).workerKeys.generations.length, 2);
  });
});

describe('forgetting old keys', () => {
  it('leaves the newest keys object, and the old key opens nothing any more', async () => {
    const backend = createMemoryBackend();
    await newStore(backend);
    await changeKey(backend, KEK, OTHER);
    await newGeneration(backend, OTHER);
    assert.deepEqual(await forgetOldKeys(backend, backend, OTHER), { kept: 3, forgotten: [1, 2], locked: [] });
    assert.deepEqual(await names(backend, 'keys/'), ['keys/3']);
    assert.deepEqual([await opens(backend, OTHER), await opens(backend, KEK)], [true, false]);
    assert.deepEqual(await changeKey(backend, OTHER, KEK), { keysNumber: 4, generation: 2 });
  });

  it('deletes nothing while the newest is damaged, or does not open', async () => {
    const backend = createMemoryBackend();
    await newStore(backend);
    await newGeneration(backend, KEK);
    const sound = await backend.get('keys/2');
    await backend.delete('keys/2');
    await backend.put('keys/2', sound.subarray(0, 300));
    await assert.rejects(forgetOldKeys(backend, backend, KEK), (error) => isCoded(error, 'StoreDataDamaged'));
    await assert.rejects(forgetOldKeys(backend, backend, OTHER), (error) => isCoded(error, 'StoreKeyWrong'));
    assert.deepEqual(await names(backend, 'keys/'), ['keys/1', 'keys/2']);
  });

  it('names what a lock still holds, and goes on', async () => {
    const backend = createMemoryBackend();
    await newStore(backend);
    for (let times = 0; times < 2; times++) await newGeneration(backend, KEK);
    const reaper = Object.assign(Object.create(backend) as Backend, {
      delete: async (name: string) => {
        if (name === 'keys/1') throw new CodedError('StoreObjectLocked', 'It is locked.');
        await backend.delete(name);
      },
    });
    assert.deepEqual(await forgetOldKeys(backend, reaper, KEK), { kept: 3, forgotten: [2], locked: [1] });
  });

  it('cut off at any deletion leaves the vault open', async () => {
    const backend = createMemoryBackend();
    await newStore(backend);
    for (let times = 0; times < 3; times++) await newGeneration(backend, KEK);
    for (let left = 4; left > 1; left--) {
      let isFirst = true;
      const dying = Object.assign(Object.create(backend) as Backend, {
        delete: async (name: string) => {
          if (!isFirst) throw new BackendDied(name);
          isFirst = false;
          await backend.delete(name);
        },
      });
      if (left > 2) await assert.rejects(forgetOldKeys(backend, dying, KEK), BackendDied);
      else await forgetOldKeys(backend, dying, KEK);
      assert.ok(await opens(backend, KEK));
      assert.equal((await names(backend, 'keys/')).length, left - 1);
    }
  });
});

function diskOf(cell: Uint8Array): SparseDisk {
  const disk = new SparseDisk(600 * CHUNK_BYTES);
  disk.write(0, cell);
  return disk;
}
