import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listCommits } from '../db/commits.ts';
import type { Database } from '../db/database.ts';
import { listPacks } from '../db/packs.ts';
import { getStoreState } from '../db/storeStates.ts';
import { assertWhole, backUpNew, housekeep, packIds, rolledBack } from './reconcile.fixture.ts';
import { runReconcile } from './reconcile.ts';
import { assertStoreAgrees } from './storeAgreement.ts';
import { VaultRig } from './vaultRig.fixture.ts';

test('a database that was put back is noticed: backups are refused, restores go on', async () => {
  const { rig, truth, gone } = await rolledBack();
  await using _rig = rig;
  await rig.clock.turn(60_000);
  const job = await rig.backUp();
  assert.equal(job.status, 'Failed');
  assert.equal(job.errors[0]!.code, 'StoreReconcileRequired');
  assert.match(job.errors[0]!.recommendations.join(' '), /strongroom vault reconcile .*--vault-name vault-1/);
  const { reconcile } = await getStoreState(rig.db.queries, rig.item.vaultId);
  assert.match(reconcile!.why.join(' '), /deletion 1.*2 recovery point|2 recovery point.*deletion 1/);
  const kept = (await rig.points()).find(({ id }) => truth.has(id) && id !== gone)!;
  assert.deepEqual((await rig.restore(kept)).hashes, truth.get(kept.id));
});

test('after the reconciliation the catalogue is what the store can restore, once, and backups go on', async () => {
  const { rig, truth, gone } = await rolledBack();
  await using _rig = rig;
  const { vaultId } = rig.item;
  const job = await housekeep(rig, 'Reconcile', runReconcile);
  assert.equal(job.status, 'CompletedWithWarnings', JSON.stringify(job.errors));
  assert.equal(job.propertyBag['Points adopted'], '2');
  assert.equal(job.propertyBag['Points dropped'], '1');
  await assertWhole(rig, truth);
  const state = await getStoreState(rig.db.queries, vaultId);
  assert.equal(state.reconcile, undefined);
  assert.equal(state.gcSeq, 1);
  assert.match(JSON.stringify(state.lastReconcile), new RegExp(gone), 'the report names what was dropped');
  const live = await listPacks(rig.db.queries, vaultId, { state: 'live' });
  assert.deepEqual(new Set(live.map(({ packId }) => packId)), await packIds(rig), 'packs are those of the store');

  await backUpNew(rig, truth);
  await assertWhole(rig, truth);
  const commits = await listCommits(rig.db.queries, vaultId);
  assert.equal(new Set(commits.map(({ name }) => name)).size, commits.length);
  assert.equal(commits.at(-1)!.cseq, 5, 'the chain goes on after the highest number in the store');
  await assertStoreAgrees(rig.tools, vaultId, 'full');
  const { store } = await rig.tools.stores.open(vaultId);
  let inStore = 0;
  for await (const _commit of store.commits()) inStore++;
  assert.equal(inStore, truth.size);
});

test('asking for it when nothing is wrong changes nothing', async () => {
  await using rig = await VaultRig.open();
  const truth = new Map();
  await backUpNew(rig, truth);
  const before = [await rig.points(), await listCommits(rig.db.queries, rig.item.vaultId)];
  const job = await housekeep(rig, 'Reconcile', runReconcile);
  assert.equal(job.status, 'Completed');
  assert.deepEqual([await rig.points(), await listCommits(rig.db.queries, rig.item.vaultId)], before);
  await backUpNew(rig, truth);
  await assertWhole(rig, truth);
});

test('killed before or after any of its writes, it is done by the next run', async () => {
  const made = await rolledBack();
  const { truth, old } = made;
  let rig = made.rig;
  const counting = new CutDatabase(rig.db, Number.POSITIVE_INFINITY, 'after');
  await runReconcileOn(rig, counting.database);
  const writes = counting.transactions;
  assert.ok(writes > 10, `${writes} writes`);
  const right = await catalogueOf(rig);
  for (let cutAt = 1; cutAt <= writes; cutAt++)
    for (const when of ['before', 'after'] as const) {
      rig = await rig.reborn({ database: old });
      const cut = new CutDatabase(rig.db, cutAt, when);
      const running = runReconcileOn(rig, cut.database).then(() => assert.fail(`write ${cutAt} was never cut`));
      await Promise.race([cut.reached, running]);
      rig = await rig.reborn();
      await rig.clock.turn(60_000);
      const job = await housekeep(rig, 'Reconcile', runReconcile);
      assert.equal(job.status, 'CompletedWithWarnings', `cut ${when} write ${cutAt}: ${JSON.stringify(job.errors)}`);
      assert.equal(job.propertyBag['Points adopted'], '2', `cut ${when} write ${cutAt}: the report tells all runs`);
      assert.deepEqual(await catalogueOf(rig), right, `cut ${when} write ${cutAt}`);
    }
  await using last = rig;
  await backUpNew(last, truth);
  await assertWhole(last, truth);
});

/** Points, commits and packs, without what differs from run to run. */
async function catalogueOf(rig: VaultRig): Promise<unknown> {
  const { vaultId } = rig.item;
  const points = (await rig.points()).map(({ id, vaulted, disks }) => ({ id, vaulted, disks }));
  const commits = (await listCommits(rig.db.queries, vaultId)).map(({ cseq, name, state }) => ({ cseq, name, state }));
  const packs = (await listPacks(rig.db.queries, vaultId)).map(({ name, state }) => ({ name, state }));
  const { gcSeq, reconcile } = await getStoreState(rig.db.queries, vaultId);
  return { points, commits, packs, gcSeq, reconcile };
}

/** A database of a process whose power goes at a transaction: that one and all later ones never come back. */
class CutDatabase {
  transactions = 0;
  readonly reached: Promise<void>;
  readonly database: Database;

  constructor(real: Database, cutAt: number, when: 'before' | 'after') {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.reached = promise;
    const never = (): Promise<never> => {
      resolve();
      return new Promise<never>(() => {});
    };
    this.database = {
      get queries() {
        return real.queries;
      },
      get current() {
        return real.current;
      },
      transaction: async (work) => {
        const number = ++this.transactions;
        if (number > cutAt || (number === cutAt && when === 'before')) return never();
        const result = await real.transaction(work);
        return number === cutAt ? never() : result;
      },
      copyTo: (file, signal) => real.copyTo(file, signal),
      [Symbol.asyncDispose]: () => real[Symbol.asyncDispose](),
    };
  }
}

/** The job is the queue's; its work sees the database that was given. */
const runReconcileOn = (rig: VaultRig, db: Database) =>
  housekeep(rig, 'Reconcile', (context) => runReconcile({ ...context, db }));
