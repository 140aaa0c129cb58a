import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { canonicalJson } from '../../lib/canonicalJson.ts';
import { isCoded } from '../../lib/error.ts';
import { newVaultKeys, wrapKeys } from '../format/vaultKeys.ts';
import { changeKey } from '../keyChanges.ts';
import type { KeyEncryptionKey } from '../keys.ts';
import { createMemoryBackend } from '../memoryBackend.ts';
import { openStore } from '../store.ts';
import { KEK, newStore } from '../testing/backup.ts';

const fileKey = (): KeyEncryptionKey => ({ kind: 'file', bytes: randomBytes(32) });

test('keys objects that the vault did not make lock nobody out', async () => {
  const backend = createMemoryBackend();
  const store = await newStore(backend);
  const forged = newVaultKeys('vault-1');
  const copy = JSON.parse(Buffer.from(await backend.get('keys/1')).toString()) as object;
  await backend.put('keys/2', wrapKeys(forged, fileKey(), 2));
  await backend.put('keys/3', wrapKeys(forged, { kind: 'passphrase', passphrase: 'his own' }, 3));
  await backend.put('keys/4', Buffer.from(canonicalJson({ ...copy, version: 2, number: 4 })));
  const opened = await openStore(backend, KEK);
  assert.deepEqual(opened.workerKeys, store.workerKeys);
  assert.equal(opened.keysNumber, 1);

  const next = fileKey();
  assert.equal((await changeKey(backend, KEK, next)).keysNumber, 5);
  assert.deepEqual((await openStore(backend, next)).workerKeys, store.workerKeys);
  await assert.rejects(
    openStore(backend, KEK),
    (error) => isCoded(error, 'StoreKeyWrong') && error.target === 'keys/5',
  );
  await backend.put(
    'keys/6',
    wrapKeys(forged, KEK, 6).map((byte) => byte),
  );
  await assert.rejects(openStore(backend, fileKey()), (error) => isCoded(error, 'StoreKeyWrong'));
});
