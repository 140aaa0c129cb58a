import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { pendingCommits } from '../db/commits.ts';
import { openDatabase } from '../db/openDatabase.ts';
import { listPacks } from '../db/packs.ts';
import { getStoreState } from '../db/storeStates.ts';
import { CodedError } from '../lib/error.ts';
import type { Backend } from '../store/backend.ts';
import { isVaulted } from '../vault/recoveryPoint.ts';
import { pruneItem } from './prune.ts';
import { assertWhole, backUpNew, housekeep, rolledBack, type Truth } from './reconcile.fixture.ts';
import { runReconcile } from './reconcile.ts';
import { recoverCommits } from './recoverCommits.ts';
import { assertStoreAgrees, compareAtStart } from './storeAgreement.ts';
import { BY, MACHINE, VaultRig } from './vaultRig.fixture.ts';
import { VaultStores } from './vaultStores.ts';

const passing = (backend: Backend): Backend => ({
  put: (name, bytes, signal) => backend.put(name, bytes, signal),
  get: (name, range) => backend.get(name, range),
  head: (name) => backend.head(name),
  list: (prefix) => backend.list(prefix),
  delete: (name) => backend.delete(name),
});

test('a server that starts again on its own store owns it still', async () => {
  const rig = await VaultRig.open();
  const truth: Truth = new Map();
  await backUpNew(rig, truth);
  await using next = await rig.reborn();
  await compareAtStart(next.tools);
  await backUpNew(next, truth);
  const { owner, reconcile } = await getStoreState(next.db.queries, next.item.vaultId);
  assert.equal(reconcile, undefined);
  assert.equal(owner!.number, 2, 'one claim a start');
});

test('of two servers on one store, the one that was taken over decides nothing more', async () => {
  await using rig = await VaultRig.open();
  await backUpNew(rig, new Map());
  const path = join(rig.folder, 'copied.sqlite');
  await rig.db.copyTo(path);
  await using db = await openDatabase({ path });
  const at = (name: string) => join(rig.folder, name);
  const folders = { stores: at('stores'), keys: at('keys'), cache: at('cache-2') };
  const other = { ...rig.tools, db, stores: new VaultStores(folders, rig.clock) };
  await assertStoreAgrees(other, rig.item.vaultId);
  // the other one starts again and forgets its first claim
  await assertStoreAgrees({ ...other, stores: new VaultStores(folders, rig.clock) }, rig.item.vaultId);
  const job = await rig.backUp();
  assert.equal(job.errors[0]!.code, 'StoreReconcileRequired');
  assert.match(job.errors[0]!.message, /owned by the server instance [0-9a-f-]{36} since 2026-03-02T/);
  await assertStoreAgrees(other, rig.item.vaultId);
});

test('an old database lets no point go', async () => {
  const { rig } = await rolledBack();
  await using _rig = rig;
  await compareAtStart(rig.tools);
  const before = await rig.points();
  await rig.clock.turn(400 * 24 * 60 * 60 * 1000);
  await pruneItem(rig.tools, rig.item.id);
  assert.deepEqual(await rig.points(), before);
});

for (const [what, prefix] of [
  ['commit objects', 'rp/'],
  ['packs', 'p/'],
] as const)
  test(`a listing that leaves out ${what} which are there decides nothing`, async () => {
    let hides = false;
    const forgetful = (backend: Backend): Backend => ({
      ...passing(backend),
      async *list(asked) {
        let hidden = false;
        for await (const object of backend.list(asked)) {
          if (hides && !hidden && object.name.startsWith(prefix)) hidden = true;
          else yield object;
        }
      },
    });
    await using rig = await VaultRig.open({}, { wrap: forgetful });
    const truth: Truth = new Map();
    await backUpNew(rig, truth);
    hides = true;
    const failed = await housekeep(rig, 'Reconcile', runReconcile);
    assert.equal(failed.errors[0]?.code, 'StoreLies', JSON.stringify(failed));
    assert.ok((await getStoreState(rig.db.queries, rig.item.vaultId)).reconcile, 'it is still to be done');
    hides = false;
    assert.equal((await housekeep(rig, 'Reconcile', runReconcile)).status, 'Completed');
    await assertWhole(rig, truth);
  });

/** A commit that was decided while the store took no commit objects; its job has failed. */
async function decided(): Promise<{ readonly rig: VaultRig; readonly open: () => void }> {
  let isFull = false;
  const full = (backend: Backend): Backend => ({
    ...passing(backend),
    put: async (name, bytes, signal) => {
      if (isFull && name.startsWith('rp/')) throw new CodedError('StoreFull', 'no space is left');
      return backend.put(name, bytes, signal);
    },
  });
  const rig = await VaultRig.open({}, { wrap: full });
  await rig.host.write(MACHINE, 0, 0, randomBytes(300_000));
  isFull = true;
  const retainUntil = rig.clock.now() + 60_000;
  await rig.service.requestBackup(rig.item.id, { userTriggered: true, retainUntil, by: BY });
  await rig.runner.runOne();
  assert.equal((await pendingCommits(rig.db.queries)).length, 1);
  return { rig, open: () => (isFull = false) };
}

test('what an old database had decided is put when all its packs are there', async () => {
  const { rig, open } = await decided();
  await using _rig = rig;
  open();
  const job = await housekeep(rig, 'Reconcile', runReconcile);
  assert.equal(job.propertyBag['Decided commits completed'], '1', JSON.stringify(job.errors));
  const [point] = await rig.points();
  assert.ok(isVaulted(point!));
  assert.deepEqual((await rig.restore(point!)).hashes, await rig.diskHashes());
});

test('what an old database had decided and was collected since is not put again', async () => {
  const { rig, open } = await decided();
  const old = join(rig.folder, 'old.sqlite');
  await rig.db.copyTo(old);
  const packs = await listPacks(rig.db.queries, rig.item.vaultId);
  // its tree can still be walked
  const ofPoint = packs.filter(({ kind }) => kind === 'data').map(({ packId }) => packId);
  assert.ok(ofPoint.length > 0);
  open();
  await recoverCommits(rig.tools);
  const truth: Truth = new Map();
  await backUpNew(rig, truth);
  await rig.clock.turn(10 * 60_000);
  await pruneItem(rig.tools, rig.item.id);
  assert.equal((await rig.points()).length, 1);
  const { store } = await rig.tools.stores.open(rig.item.vaultId);
  for (const id of ofPoint)
    for await (const { name } of store.backend.list(`p/${id.slice(0, 2)}/${id}.`)) await store.backend.delete(name);
  await using next = await rig.reborn({ database: old });
  await compareAtStart(next.tools);
  await recoverCommits(next.tools);
  assert.equal((await pendingCommits(next.db.queries)).length, 1, 'it waits for the reconciliation');
  const job = await housekeep(next, 'Reconcile', runReconcile);
  assert.equal(job.propertyBag['Points dropped'], '1', JSON.stringify([job.errors, job.propertyBag]));
  await assertWhole(next, truth);
  assert.deepEqual(await pendingCommits(next.db.queries), []);
});
