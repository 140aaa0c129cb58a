import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { beforeEach, describe, it } from 'node:test';
import { isCoded } from '../lib/error.ts';
import type { Backend } from './backend.ts';
import { listed } from './backends/backend.contract.ts';
import { changeKey, newGeneration } from './keyChanges.ts';
import type { KeyEncryptionKey } from './keys.ts';
import { drillKit } from './kitDrill.ts';
import { createMemoryBackend } from './memoryBackend.ts';
import { makeKit, printKit } from './recoveryKit.ts';
import { openStore, type Store } from './store.ts';
import { backUp, CHUNK_BYTES, commitBody, KEK, newStore } from './testing/backup.ts';
import { SparseDisk } from './testing/sparseDisk.ts';

const OTHER: KeyEncryptionKey = { kind: 'file', bytes: new Uint8Array(32).fill(8) };
const LEAF_CHUNKS = 512;

let backend: Backend;
let page: string;
beforeEach(async () => {
  backend = createMemoryBackend();
  const store = await newStore(backend);
  for (let cseq = 1; cseq <= 3; cseq++) await addPoint(store, cseq);
  page = await printed(KEK);
});

/** Each point has its own data in two leaves. */
const addPoint = async (store: Store, cseq: number, more: { itemId?: string } = {}): Promise<readonly string[]> => {
  const disk = new SparseDisk(2 * LEAF_CHUNKS * CHUNK_BYTES);
  disk.write(0, randomBytes(CHUNK_BYTES));
  disk.write(LEAF_CHUNKS * CHUNK_BYTES, randomBytes(CHUNK_BYTES));
  const packs: string[] = [];
  const { root } = await backUp(store, disk, {
    writer: { onPack: ({ name, kind }) => kind === 'data' && packs.push(name) },
  });
  const { name, bytes } = store.sealCommit(commitBody(store, cseq, root, more));
  await store.putCommit(name, bytes);
  return packs;
};
const printed = async (kek: KeyEncryptionKey): Promise<string> =>
  printKit(await makeKit(backend, kek, { vaultName: 'orchard', madeAt: 0, places: [] }));

describe('a drill of the recovery kit', () => {
  it('opens the newest point of each item with the kit and the store alone', async () => {
    await addPoint(await openStore(backend, KEK), 9, { itemId: 'item-2' });
    const { damages, ...report } = await drillKit(page, { backend });
    assert.deepEqual(damages, []);
    assert.deepEqual(report, {
      ...{ vaultId: 'vault-1', vaultName: 'orchard', madeAt: 0, ok: true, outOfDate: false },
      ...{ keysNumber: 1, newestKeysNumber: 1, items: 2, points: 4, checkedBytes: 4 * CHUNK_BYTES },
    });
  });

  it('can open a few leaves of each disk only', async () => {
    const { ok, checkedBytes } = await drillKit(page, { backend, sampleLeaves: 1 });
    assert.deepEqual([ok, checkedBytes], [true, CHUNK_BYTES]);
  });

  it('needs nothing of keys/ in the store, and says that they are gone', async () => {
    await backend.delete('keys/1');
    const report = await drillKit(page, { backend });
    assert.equal(report.checkedBytes, 2 * CHUNK_BYTES);
    assert.deepEqual(
      report.damages.map(({ object }) => object),
      ['keys/1'],
    );
    assert.equal(report.ok, false);
  });

  it('finds what a newest point lacks, whole or by sample, and not what only an older one lacks', async () => {
    const [older = assert.fail()] = await addPoint(await openStore(backend, KEK), 4);
    const [newest = assert.fail()] = await addPoint(await openStore(backend, KEK), 5);
    await backend.delete(older);
    assert.equal((await drillKit(page, { backend })).ok, true);
    await backend.delete(newest);
    const whole = await drillKit(page, { backend });
    assert.equal(whole.ok, false);
    assert.deepEqual(
      whole.damages.map(({ pointId, lun }) => [pointId, lun]),
      [
        ['point-5', -1],
        ['point-5', -1],
      ],
    );
    const sample = await drillKit(page, { backend, sampleLeaves: 2 });
    assert.deepEqual([sample.ok, sample.damages[0]?.pointId], [false, 'point-5']);
  });

  it('finds a commit object that does not open', async () => {
    const { name } = (await listed(backend, 'rp/')).at(-1) ?? assert.fail();
    const bytes = await backend.get(name);
    bytes[60]! ^= 1;
    await backend.delete(name);
    await backend.put(name, bytes);
    const { ok, damages } = await drillKit(page, { backend });
    assert.deepEqual([ok, damages.map(({ object }) => object)], [false, [name]]);
  });

  it('says that a kit is out of date; what it opened before it opens still', async () => {
    await changeKey(backend, KEK, OTHER);
    const old = await drillKit(page, { backend });
    assert.deepEqual([old.ok, old.outOfDate, old.keysNumber, old.newestKeysNumber], [true, true, 1, 2]);
    await newGeneration(backend, OTHER);
    await addPoint(await openStore(backend, OTHER), 4);
    const tooOld = await drillKit(page, { backend });
    assert.deepEqual([tooOld.ok, tooOld.outOfDate], [false, true]);
    assert.match(tooOld.damages[0]?.message ?? '', /generation/);
    const fresh = await drillKit(await printed(OTHER), { backend });
    assert.deepEqual([fresh.ok, fresh.outOfDate, fresh.keysNumber], [true, false, 3]);
  });

  it('does not take a keys object of another for a change of the keys', async () => {
    const other = createMemoryBackend();
    await newStore(other);
    for (let times = 0; times < 2; times++) await newGeneration(other, KEK);
    await backend.put('keys/3', await other.get('keys/3'));
    await backend.put('keys/4', await backend.get('keys/1'));
    const { ok, outOfDate, newestKeysNumber } = await drillKit(page, { backend });
    assert.deepEqual([ok, outOfDate, newestKeysNumber], [true, false, 1]);
  });

  it('takes the secret that the kit names and does not print', async () => {
    const kit = await makeKit(backend, KEK, {
      vaultName: 'orchard',
      madeAt: 0,
      places: [],
      kekInWords: 'the card in the safe',
    });
    await assert.rejects(
      drillKit(printKit(kit), { backend }),
      (error) => isCoded(error, 'RecoveryKitInvalid') && /the card in the safe/.test(error.message),
    );
    await assert.rejects(drillKit(printKit(kit), { backend, secret: OTHER }), (error) =>
      isCoded(error, 'StoreKeyWrong'),
    );
    assert.equal((await drillKit(printKit(kit), { backend, secret: KEK })).ok, true);
  });

  it('refuses the store of another vault', async () => {
    const other = createMemoryBackend();
    await newStore(other, 'vault-2');
    await assert.rejects(drillKit(page, { backend: other }), (error) => isCoded(error, 'StoreDataDamaged'));
    await assert.rejects(drillKit(page, { backend: createMemoryBackend() }), (error) =>
      isCoded(error, 'StoreNotAVault'),
    );
  });
});
