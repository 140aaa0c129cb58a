import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { getItem, listItems } from '../../db/items.ts';
import { getJob } from '../../db/jobs.ts';
import { openDatabase } from '../../db/openDatabase.ts';
import { listPolicies } from '../../db/policies.ts';
import { getStoreState } from '../../db/storeStates.ts';
import { allVaults } from '../../db/vaults.ts';
import { runCopyCatalogue } from '../../jobs/copyCatalogue.ts';
import { assertWhole, backUpNew, housekeep, type Truth } from '../../jobs/reconcile.fixture.ts';
import { runReconcile } from '../../jobs/reconcile.ts';
import { assertRebuildComplete, takeUpRebuild } from '../../jobs/takeUpRebuild.ts';
import { BY, VaultRig } from '../../jobs/vaultRig.fixture.ts';
import { listDatabaseCopies } from '../../store/databaseCopies.ts';
import { REBUILD_FILE } from '../../store/rebuild.ts';
import { runCli } from '../testing/runCli.ts';

const HOUR_MS = 60 * 60 * 1000;

/** A vault with two points; a copy of the database is taken after each, a third point is in no copy. */
async function withCopies(): Promise<{ readonly rig: VaultRig; readonly truth: Truth }> {
  const rig = await VaultRig.open();
  const truth: Truth = new Map();
  for (let copies = 0; copies < 2; copies++) {
    await backUpNew(rig, truth);
    assert.equal((await housekeep(rig, 'CopyCatalogue', runCopyCatalogue)).status, 'Completed');
    await rig.clock.turn(HOUR_MS);
  }
  await backUpNew(rig, truth);
  return { rig, truth };
}

interface Rebuilt {
  readonly database: { readonly name: string } | null;
  readonly putAside: string | null;
}

async function rebuild(rig: VaultRig, ...words: string[]): Promise<Rebuilt> {
  const { code, stdout, stderr } = await runCli({}, 'store', 'rebuild', '--data', rig.folder, ...words);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Rebuilt;
}

/** What the server does when it starts: the rebuilt database, or an empty one, is opened and reconciled. */
async function start(rig: VaultRig): Promise<VaultRig> {
  const [request, database] = [join(rig.folder, REBUILD_FILE), join(rig.folder, 'strongroom.sqlite')];
  await assertRebuildComplete(request, database);
  if (!existsSync(database)) await (await openDatabase({ path: database }))[Symbol.asyncDispose]();
  const next = await rig.reborn({ database });
  await next.clock.turn(60_000);
  await takeUpRebuild(next.tools, request, 'westeurope');
  assert.equal(existsSync(request), false);
  return next;
}

test('a lost database comes back from its newest copy in the store, with every point', async () => {
  const { rig, truth } = await withCopies();
  const { database } = await rebuild(rig);
  assert.ok(database);
  await using next = await start(rig);
  assert.match((await getStoreState(next.db.queries, next.item.vaultId)).reconcile!.why[0]!, /rebuilt from db\//);
  const job = await housekeep(next, 'Reconcile', runReconcile);
  assert.equal(job.propertyBag['Points adopted'], '1');
  await assertWhole(next, truth);
  assert.equal((await getItem(next.db.queries, next.item.id))!.policyId, next.item.policyId, 'still protected');
  await backUpNew(next, truth);
  await assertWhole(next, truth);
});

test('a damaged copy gives way to the next older one', async () => {
  const { rig, truth } = await withCopies();
  const { store } = await rig.tools.stores.open(rig.item.vaultId);
  const [newest, older] = (await listDatabaseCopies(store.backend)).copies;
  const bytes = await store.backend.get(newest!.name);
  bytes[bytes.length - 1]! ^= 1;
  await store.backend.delete(newest!.name);
  await store.backend.put(newest!.name, bytes);
  assert.equal((await rebuild(rig)).database!.name, older!.name);
  await using next = await start(rig);
  assert.equal((await housekeep(next, 'Reconcile', runReconcile)).propertyBag['Points adopted'], '2');
  await assertWhole(next, truth);
});

test('without any copy, vault, item and every point come back from the store alone', async () => {
  const { rig, truth } = await withCopies();
  assert.equal((await rebuild(rig, '--without-copy', '--vault-name', 'found-again')).database, null);
  await using next = await start(rig);
  const [vault] = await allVaults(next.db.queries);
  assert.deepEqual([vault!.id, vault!.name, vault!.resourceGroup], [rig.item.vaultId, 'found-again', 'recovered']);
  assert.deepEqual(
    (await listPolicies(next.db.queries, vault!.id)).map(({ name }) => name),
    ['DefaultPolicy', 'EnhancedPolicy'],
  );
  const job = await housekeep(next, 'Reconcile', runReconcile);
  assert.equal(job.propertyBag['Points adopted'], '3', JSON.stringify(job.errors));
  const [item] = await listItems(next.db.queries);
  assert.deepEqual([item!.id, item!.vmName, item!.protectionState], [rig.item.id, 'web-1', 'ProtectionStopped']);
  await assertWhole(next, truth);
});

test('a restore that the copy believes to be under way is not run again', async () => {
  await using rig = await VaultRig.open();
  const truth: Truth = new Map();
  const pointId = await backUpNew(rig, truth);
  const folder = join(rig.folder, 'never');
  const id = await rig.service.requestRestore(rig.item.id, pointId, { kind: 'folder', folder }, BY);
  await runCopyCatalogue({ ...rig.tools, job: await rig.job(id), signal: new AbortController().signal });
  await rebuild(rig);
  await using next = await start(rig);
  const job = (await getJob(next.db.queries, id))!;
  assert.equal(job.status, 'Failed');
  assert.equal(job.errors[0]!.code, 'StoreReconcileRequired');
  assert.equal(existsSync(folder), false);
});

test('a database that is there is never overwritten; asked to replace it, it is put aside', async () => {
  const { rig } = await withCopies();
  await rebuild(rig);
  await using next = await start(rig);
  const words = ['store', 'rebuild', '--data', next.folder];
  const refused = await runCli({}, ...words);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /There is a database already/);
  const { putAside } = await rebuild(next, '--replace');
  assert.ok(existsSync(putAside!));
  assert.ok(existsSync(join(next.folder, 'strongroom.sqlite')));
  await rm(join(next.folder, 'strongroom.sqlite'));
  await assert.rejects(
    assertRebuildComplete(join(next.folder, REBUILD_FILE), join(next.folder, 'strongroom.sqlite')),
    /A rebuild was cut off/,
  );
});
