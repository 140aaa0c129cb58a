import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getStoreState } from '../db/storeStates.ts';
import type { Backend } from '../store/backend.ts';
import { listDatabaseCopies } from '../store/databaseCopies.ts';
import { verifyAll } from '../store/rescue.ts';
import { copiesToLetGo } from './catalogue/copiesToLetGo.ts';
import { type DatabaseCopyState, runCopyCatalogue } from './copyCatalogue.ts';
import { backUpNew, housekeep, rolledBack } from './reconcile.fixture.ts';
import { VaultRig } from './vaultRig.fixture.ts';

const HOUR_MS = 60 * 60 * 1000;

const copiesIn = async (rig: VaultRig) => {
  const { store } = await rig.tools.stores.open(rig.item.vaultId);
  return (await listDatabaseCopies(store.backend)).copies;
};

test('a copy counts once it was read back; another is made only when something changed, or a day later', async () => {
  await using rig = await VaultRig.open();
  await backUpNew(rig, new Map());
  const job = await housekeep(rig, 'CopyCatalogue', runCopyCatalogue);
  assert.equal(job.status, 'Completed', JSON.stringify(job.errors));
  const state = await getStoreState(rig.db.queries, rig.item.vaultId);
  const { name, checkedAt } = state.databaseCopy as DatabaseCopyState;
  assert.deepEqual(
    (await copiesIn(rig)).map((copy) => copy.name),
    [name],
  );
  assert.equal(checkedAt, rig.clock.now());
  assert.equal(state.checkpoint!.commits, 1);

  await rig.clock.turn(HOUR_MS);
  await housekeep(rig, 'CopyCatalogue', runCopyCatalogue);
  assert.equal((await copiesIn(rig)).length, 1, 'nothing changed but jobs');
  await backUpNew(rig, new Map());
  await housekeep(rig, 'CopyCatalogue', runCopyCatalogue);
  assert.equal((await copiesIn(rig)).length, 2, 'a point more');
  await rig.clock.turn(25 * HOUR_MS);
  await housekeep(rig, 'CopyCatalogue', runCopyCatalogue);
  assert.equal((await copiesIn(rig)).length, 3, 'a day later');
});

test('a copy that the storage spoils does not count', async () => {
  let spoils = false;
  const spoiling = (backend: Backend): Backend => ({
    ...{ head: (name) => backend.head(name), list: (prefix) => backend.list(prefix) },
    get: (name, range) => backend.get(name, range),
    delete: (name) => backend.delete(name),
    put: (name, bytes, signal) => {
      if (!spoils || !name.startsWith('db/')) return backend.put(name, bytes, signal);
      const other = new Uint8Array(bytes);
      other[other.length - 1]! ^= 1;
      return backend.put(name, other, signal);
    },
  });
  await using rig = await VaultRig.open({}, { wrap: spoiling });
  await housekeep(rig, 'CopyCatalogue', runCopyCatalogue);
  const before = await getStoreState(rig.db.queries, rig.item.vaultId);
  assert.ok(before.databaseCopy);
  spoils = true;
  await backUpNew(rig, new Map());
  const job = await housekeep(rig, 'CopyCatalogue', runCopyCatalogue);
  assert.equal(job.errors[0]?.code, 'StoreDataDamaged');
  const after = await getStoreState(rig.db.queries, rig.item.vaultId);
  assert.deepEqual(after.databaseCopy, before.databaseCopy);
});

test('an old database never becomes the newest copy', async () => {
  const { rig } = await rolledBack();
  await using _rig = rig;
  const job = await housekeep(rig, 'CopyCatalogue', runCopyCatalogue);
  assert.equal(job.errors[0]?.code, 'StoreReconcileRequired');
  assert.deepEqual(await copiesIn(rig), []);
});

test('a commit object that vanishes is missed by who has the store and its key alone', async () => {
  await using rig = await VaultRig.open();
  const id = await backUpNew(rig, new Map());
  await backUpNew(rig, new Map());
  await housekeep(rig, 'CopyCatalogue', runCopyCatalogue);
  const { store } = await rig.tools.stores.open(rig.item.vaultId);
  const access = {
    backend: store.backend,
    kek: await rig.tools.stores.keys.read(rig.item.vaultId),
    clock: rig.clock,
  };
  assert.deepEqual((await verifyAll(access)).damages, []);
  for await (const commit of store.commits()) if (commit.pointId === id) await store.backend.delete(commit.name);
  const { damages } = await verifyAll(access);
  assert.equal(damages.length, 1);
  assert.match(damages[0]!.message, new RegExp(`${id}.*it was removed`));
  await rig.clock.turn(31 * 24 * HOUR_MS);
  assert.deepEqual((await verifyAll(access)).damages, [], 'by now it would have expired');
});

test('24 hourly and 14 daily copies are kept, and the newest good one', () => {
  const newest = Date.parse('2026-03-20T10:00:00Z');
  const copies = Array.from({ length: 24 * 30 }, (_, i) => ({
    ...{ name: `copy-${i}`, takenAt: newest - i * HOUR_MS, parts: [] },
  }));
  const gone = new Set(copiesToLetGo(copies, 'copy-600').map(({ name }) => name));
  const kept = copies.filter(({ name }) => !gone.has(name)).map(({ name }) => name);
  const hourly = Array.from({ length: 24 }, (_, i) => `copy-${i}`);
  // of today and yesterday the newest are among the hourly ones
  const daily = Array.from({ length: 12 }, (_, i) => `copy-${11 + 24 * (i + 1)}`);
  assert.deepEqual(kept, [...hourly, ...daily, 'copy-600']);
});
