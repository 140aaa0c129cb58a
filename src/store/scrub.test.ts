import assert from 'node:assert/strict';
import { hash, randomBytes, randomInt } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { CodedError } from '../lib/error.ts';
import type { Backend } from './backend.ts';
import { listed } from './backends/backend.contract.ts';
import { deletionMarkBytes, putDeletionMark } from './deletionMark.ts';
import { createMemoryBackend } from './memoryBackend.ts';
import { scrubAndRepair } from './repair.ts';
import { examineObject, scrubObject } from './scrub.ts';
import { openStore, type Store } from './store.ts';
import { assertRestores, backUp, CHUNK_BYTES, commitBody, KEK, newStore } from './testing/backup.ts';
import { flipBits } from './testing/bitFlips.ts';
import { SparseDisk } from './testing/sparseDisk.ts';

const replace = async (backend: Backend, name: string, bytes: Uint8Array): Promise<void> => {
  await backend.delete(name);
  await backend.put(name, bytes);
};

const flipped = (bytes: Uint8Array, at = randomInt(bytes.length), bit = 1 << randomInt(8)): Uint8Array => {
  const spoilt = new Uint8Array(bytes);
  spoilt[at]! ^= bit;
  return spoilt;
};

let store: Store;
let backend: Backend;
let pack = '';
let commit = '';
const disk = new SparseDisk(600 * CHUNK_BYTES);
const MARK = { vaultId: 'vault-1', gcSeq: 1, token: '5d0f2c1e' };

/** One object of each class. */
before(async () => {
  backend = createMemoryBackend();
  store = await newStore(backend);
  disk.write(0, randomBytes(3 * CHUNK_BYTES));
  const { root } = await backUp(store, disk, {
    writer: {
      onPack: ({ kind, name }) => {
        if (kind === 'data') pack = name;
      },
    },
  });
  const { name, bytes } = store.sealCommit(commitBody(store, 1, root));
  await store.putCommit(name, bytes);
  commit = name;
  assert.ok(await putDeletionMark(backend, MARK));
  for (const folder of ['ck/000000000001', 'db/20260302T090000Z']) {
    const content = randomBytes(2000);
    await backend.put(`${folder}.${hash('sha256', content, 'hex')}`, content);
  }
});

describe('scrub', () => {
  it('calls a whole store sound', async () => {
    for (const { name } of await listed(backend, '')) assert.equal(await scrubObject(backend, name), 'sound', name);
  });

  it('finds 300 flipped bits in objects of all classes, and no restore gives wrong bytes meanwhile', async () => {
    let refused = 0;
    const counts = await flipBits(backend, {
      rounds: 300,
      random: Math.random,
      isSound: (name, bytes) =>
        name === 'fmt' ? store.isFormat(bytes) : Buffer.compare(bytes, deletionMarkBytes(MARK)) === 0,
      whileSpoilt: async () => {
        try {
          const opened = await openStore(backend, KEK);
          await assertRestores(opened, (await opened.openCommit(commit)).disks[0]!.root, disk);
        } catch (error) {
          if (!(error instanceof CodedError)) throw error;
          refused++;
        }
      },
    });
    assert.deepEqual([...counts.byClass.keys()].sort(), ['ck', 'db', 'fmt', 'gc', 'keys', 'p', 'rp']);
    assert.deepEqual([counts.flips, counts.missed], [300, []]);
    assert.ok(refused > 50, `${refused} restores were refused`);
  });

  it('tells missing, spoilt and unreadable objects apart', async () => {
    const sound = await backend.get(pack);
    const kindOf = async (place: Backend) => {
      const verdict = await scrubObject(place, pack);
      return verdict === 'sound' ? verdict : verdict.kind;
    };
    await replace(backend, pack, sound.subarray(0, sound.length - 1));
    assert.equal(await kindOf(backend), 'spoilt');
    await backend.delete(pack);
    assert.equal(await kindOf(backend), 'missing');
    await backend.put(pack, sound);
    const failing = (names: (name: string) => boolean): Backend => ({
      ...over(backend),
      get: async (name, range) => {
        if (names(name)) throw new CodedError('StoreIoFailed', `'${name}': EIO`, { target: name });
        return backend.get(name, range);
      },
    });
    assert.equal(await kindOf(failing((name) => name === pack)), 'unreadable');
    await assert.rejects(
      scrubObject(
        failing(() => true),
        pack,
      ),
      /EIO/,
      'a place that is away is no damage',
    );
  });

  it('reads twice before it calls anything damaged', async () => {
    let reads = 0;
    const lying: Backend = {
      ...over(backend),
      get: async (name) => (reads++ === 0 ? flipped(await backend.get(name)) : backend.get(name)),
    };
    const { verdict, erredOnce } = await examineObject(lying, pack);
    assert.deepEqual([verdict, erredOnce, reads], ['sound', true, 2]);
  });
});

const over = (inner: Backend): Backend => ({
  put: (name, bytes) => inner.put(name, bytes),
  get: (name, range) => inner.get(name, range),
  head: (name) => inner.head(name),
  list: (prefix) => inner.list(prefix),
  delete: (name) => inner.delete(name),
});

describe('repair', () => {
  const places = (...backends: Backend[]) => backends.map((one) => ({ backend: one, isSecondary: false }));
  const filled = async (bytes: Uint8Array | undefined): Promise<Backend> => {
    const memory = createMemoryBackend();
    await memory.put('fmt', Buffer.from('{}'));
    if (bytes) await memory.put(pack, bytes);
    return memory;
  };

  it('replaces what is bad or missing by good bytes, however many copies are bad', async () => {
    const good = await backend.get(pack);
    const copies = [
      await filled(flipped(good)),
      await filled(undefined),
      await filled(good),
      await filled(flipped(good)),
    ];
    const report = await scrubAndRepair(places(...copies), pack);
    assert.deepEqual([report.verdict, report.repaired, report.waiting], ['sound', 3, []]);
    for (const copy of copies) assert.equal(Buffer.compare(await copy.get(pack), good), 0);
    assert.equal((await scrubAndRepair(places(...copies), pack)).damages.length, 0);
  });

  it('lets the hash decide: two copies that are bad in different ways are both damaged', async () => {
    const good = await backend.get(pack);
    const copies = [await filled(flipped(good, 5, 1)), await filled(flipped(good, 9, 2))];
    const report = await scrubAndRepair(places(...copies), pack);
    assert.deepEqual([report.verdict, report.repaired], ['damaged', 0]);
    assert.equal(
      Buffer.compare(await copies[0]!.get(pack), flipped(good, 5, 1)),
      0,
      'nothing is deleted without good bytes',
    );
  });

  it('takes the secondary for a good copy, and does not hold it against the secondary that it lacks an object', async () => {
    const good = await backend.get(pack);
    const bad = await filled(flipped(good));
    const repaired = await scrubAndRepair([...places(bad), { backend: await filled(good), isSecondary: true }], pack);
    assert.deepEqual([repaired.verdict, repaired.repaired], ['sound', 1]);
    assert.equal(Buffer.compare(await bad.get(pack), good), 0);
    const empty = await filled(undefined);
    const report = await scrubAndRepair([...places(bad), { backend: empty, isSecondary: true }], pack);
    assert.deepEqual([report.verdict, report.repaired, await empty.head(pack)], ['sound', 0, undefined]);
  });

  it('is gone on with after a crash at any of its steps', async () => {
    const good = await backend.get(pack);
    const spoilt = flipped(good);
    let crashes = 0;
    for (let step = 1; ; step++) {
      const bad = await filled(spoilt);
      let calls = 0;
      const dying: Backend = {
        ...over(bad),
        delete: async (name) => {
          if (++calls === step) throw new Error('dead');
          await bad.delete(name);
          if (++calls === step) throw new Error('dead');
        },
        put: async (name, bytes) => {
          if (++calls === step) throw new Error('dead');
          const outcome = await bad.put(name, bytes);
          if (++calls === step) throw new Error('dead');
          return outcome;
        },
      };
      const other = await filled(good);
      const isDead = await scrubAndRepair(places(dying, other), pack).then(
        () => false,
        () => true,
      );
      if (!isDead) break;
      crashes++;
      assert.equal(Buffer.compare(await other.get(pack), good), 0);
      assert.equal((await scrubAndRepair(places(bad, other), pack)).verdict, 'sound');
      assert.equal(Buffer.compare(await bad.get(pack), good), 0, `after step ${step}`);
    }
    assert.equal(crashes, 4);
  });

  it('leaves a locked copy, and says so', async () => {
    const good = await backend.get(pack);
    const spoilt = flipped(good);
    const inner = await filled(spoilt);
    const locked: Backend = {
      ...over(inner),
      delete: async (name) => {
        throw new CodedError('StoreObjectLocked', `${name} is locked until 2026-04-01.`, { target: name });
      },
    };
    const report = await scrubAndRepair(places(locked, await filled(good)), pack);
    assert.deepEqual([report.verdict, report.repaired], ['sound', 0]);
    assert.match(report.waiting[0]!, /locked until/);
  });

  it('does not call a pack damaged while a copy cannot be asked', async () => {
    const away: Backend = {
      ...over(backend),
      get: async (name) => {
        throw new CodedError('StoreIoFailed', `'${name}': no answer`, { target: name });
      },
    };
    const report = await scrubAndRepair(places(await filled(undefined), away), pack);
    assert.equal(report.verdict, 'unknown');
    assert.match(report.waiting[0]!, /no answer/);
  });
});
