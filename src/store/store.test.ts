import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { isCoded } from '../lib/error.ts';
import { TurnedClock } from '../lib/turnedClock.ts';
import { keysName } from './format/names.ts';
import { newVaultKeys, unwrapKeys, wrapKeys } from './format/vaultKeys.ts';
import { changeKey } from './keyChanges.ts';
import type { KeyEncryptionKey } from './keys.ts';
import { createMemoryBackend } from './memoryBackend.ts';
import { createStore, openStore } from './store.ts';
import { commitBody, KEK, newStore } from './testing/backup.ts';
import { MortalBackend } from './testing/mortalBackend.ts';

const ROOT = { node: null, levels: 0, sizeBytes: 0, chunkSizeBytes: 65_536 };
const OTHER: KeyEncryptionKey = { kind: 'file', bytes: new Uint8Array(32).fill(8) };

describe('a store', () => {
  it('opens with the key it was made with, and gives the same worker keys', async () => {
    const backend = createMemoryBackend();
    const made = await newStore(backend);
    const opened = await openStore(backend, KEK);
    assert.equal(opened.vaultId, 'vault-1');
    assert.deepEqual(opened.workerKeys, structuredClone(made.workerKeys));
  });

  it('does not open with another key, nor with a passphrase', async () => {
    const backend = createMemoryBackend();
    await newStore(backend);
    const phrase = { kind: 'passphrase', passphrase: 'open' } as const;
    for (const key of [OTHER, phrase]) {
      await assert.rejects(openStore(backend, key), (error) => {
        assert.ok(isCoded(error, 'StoreKeyWrong'));
        assert.match(
          error.recommendations.join(),
          /key-encryption key: the file keys\/vault-1\.key of the data folder/,
        );
        return true;
      });
    }
    const short = { kind: 'file', bytes: new Uint8Array(31) } as const;
    await assert.rejects(openStore(backend, short), (error) => isCoded(error, 'InvalidParameter'));
  });

  it('opens with a passphrase, however its letters are composed', async () => {
    const backend = createMemoryBackend();
    const clock = new TurnedClock();
    await createStore(backend, { kind: 'passphrase', passphrase: 'schl\u00fcssel' }, { vaultId: 'v', clock });
    await openStore(backend, { kind: 'passphrase', passphrase: 'schlu\u0308ssel' });
    const wrong = { kind: 'passphrase', passphrase: 'schlussel' } as const;
    await assert.rejects(openStore(backend, wrong), (error) => isCoded(error, 'StoreKeyWrong'));
  });

  it('says what is no store, and never overwrites one', async () => {
    const backend = createMemoryBackend();
    await assert.rejects(openStore(backend, KEK), (error) => isCoded(error, 'StoreNotAVault'));
    await newStore(backend);
    await assert.rejects(newStore(backend), (error) => isCoded(error, 'Conflict'));
  });

  it('refuses a format of the future', async () => {
    const backend = createMemoryBackend();
    await newStore(backend);
    const format = JSON.parse(Buffer.from(await backend.get('fmt')).toString());
    await backend.delete('fmt');
    await backend.put('fmt', Buffer.from(JSON.stringify({ ...format, version: 2 })));
    await assert.rejects(openStore(backend, KEK), (error) => isCoded(error, 'StoreFormatUnknown'));
  });

  it('is finished by a second try when the first was interrupted', async () => {
    for (const [at, after] of [
      [1, false],
      [1, true],
      [2, true],
      [3, false],
    ] as const) {
      const backend = createMemoryBackend();
      const dying = new MortalBackend(backend, at, after);
      await assert.rejects(newStore(dying));
      await assert.rejects(openStore(backend, KEK), (error) => isCoded(error, 'StoreNotAVault'));
      const keys = (await backend.head('keys/1')) && Buffer.from(await backend.get('keys/1'));
      await newStore(backend);
      await openStore(backend, KEK);
      if (keys) assert.deepEqual(Buffer.from(await backend.get('keys/1')), keys, 'the first keys count');
    }
  });

  it('refuses storage that overwrites', async () => {
    const backend = createMemoryBackend();
    const careless = Object.assign(createMemoryBackend(), {
      put: async (name: string, bytes: Uint8Array) => {
        await backend.delete(name);
        return backend.put(name, bytes);
      },
      get: backend.get.bind(backend),
      list: backend.list.bind(backend),
      head: backend.head.bind(backend),
    });
    await assert.rejects(
      newStore(careless),
      (error) => isCoded(error, 'StorePlaceUnsuitable') && /put if absent, read after write/.test(error.message),
    );
  });

  it('opens with its new key after a change, and no more with the old one', async () => {
    const backend = createMemoryBackend();
    const { workerKeys } = await newStore(backend);
    await assert.rejects(changeKey(backend, OTHER, KEK), (error) => isCoded(error, 'StoreKeyWrong'));
    await changeKey(backend, KEK, OTHER);
    assert.deepEqual((await openStore(backend, OTHER)).workerKeys, workerKeys);
    await assert.rejects(openStore(backend, KEK), (error) => isCoded(error, 'StoreKeyWrong'));
  });

  it('takes the newest keys object, an older one only when that is damaged', async () => {
    const backend = createMemoryBackend();
    await newStore(backend);
    const keys = unwrapKeys('keys/1', await backend.get('keys/1'), KEK);
    const newer = wrapKeys(keys, OTHER, 2);
    await backend.put(keysName(2), newer);
    await openStore(backend, OTHER);
    await assert.rejects(openStore(backend, KEK), (error) => isCoded(error, 'StoreKeyWrong'));
    await backend.delete(keysName(2));
    await backend.put(keysName(2), newer.subarray(0, 200));
    await openStore(backend, KEK);
  });

  it('does not let a keys object ask for all the memory there is', () => {
    const wrapped = JSON.parse(
      Buffer.from(wrapKeys(newVaultKeys('v'), { kind: 'passphrase', passphrase: 'x' }, 1)).toString(),
    );
    wrapped.kek.memoryKiB = 2 ** 31;
    const bytes = Buffer.from(JSON.stringify(wrapped));
    assert.throws(
      () => unwrapKeys('keys/1', bytes, KEK),
      (error) => isCoded(error, 'StoreDataDamaged'),
    );
  });
});

describe('a commit object', () => {
  it('opens to what was sealed, and is listed by its name alone', async () => {
    const store = await newStore(createMemoryBackend());
    const body = commitBody(store, 42, ROOT);
    const { name, bytes } = store.sealCommit(body);
    await store.putCommit(name, bytes);
    await store.putCommit(name, bytes);
    assert.deepEqual(await store.openCommit(name), body);
    const commits = [];
    for await (const commit of store.commits()) commits.push(commit);
    assert.deepEqual(commits, [{ name, itemId: 'item-1', cseq: 42, pointId: 'point-42' }]);
    await store.deleteCommit(name);
    await assert.rejects(store.openCommit(name), (error) => isCoded(error, 'StoreObjectMissing'));
  });

  it('is sealed: neither machine nor disk can be read in it', async () => {
    const store = await newStore(createMemoryBackend());
    const { bytes } = store.sealCommit(commitBody(store, 1, ROOT));
    assert.equal(Buffer.from(bytes).includes('orchard'), false);
  });

  for (const [field, value] of [
    ['itemId', '../item'],
    ['itemId', ''],
    ['pointId', 'a/b'],
    ['pointId', 'x'.repeat(65)],
    ['cseq', -1],
    ['cseq', 1.5],
    ['vaultId', 'vault-2'],
  ] as const) {
    it(`is refused for ${field} ${JSON.stringify(String(value).slice(0, 12))}`, async () => {
      const store = await newStore(createMemoryBackend());
      const body = { ...commitBody(store, 1, ROOT), [field]: value };
      assert.throws(
        () => store.sealCommit(body),
        (error) => isCoded(error, 'InvalidParameter') && error.target === field,
      );
    });
  }

  it('is never put when its bytes are not those of its name', async () => {
    const store = await newStore(createMemoryBackend());
    const { name, bytes } = store.sealCommit(commitBody(store, 1, ROOT));
    bytes.set(randomBytes(1), 100);
    bytes[101]! ^= 1;
    await assert.rejects(store.putCommit(name, bytes), (error) => isCoded(error, 'StoreDataDamaged'));
    assert.equal(await store.backend.head(name), undefined);
  });
});
