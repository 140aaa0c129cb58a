import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { listCommits } from '../db/commits.ts';
import { packLocks } from '../db/packLocks.ts';
import { getPoint, putPoint } from '../db/points.ts';
import { getPolicy, putPolicy } from '../db/policies.ts';
import { getStoreState } from '../db/storeStates.ts';
import { CodedError } from '../lib/error.ts';
import type { Backend } from '../store/backend.ts';
import { pointPacks } from '../store/pointPacks.ts';
import type { DiskRoot } from '../store/tree.ts';
import type { RecoveryPoint } from '../vault/recoveryPoint.ts';
import { runExtendLocks } from './extendLocks.ts';
import { JobRunner } from './runner.ts';
import { MACHINE, VaultRig } from './vaultRig.fixture.ts';

const DAY = 86_400_000;
const STEP = 30 * DAY;

/** A backend that keeps locks beside the objects, by a clock that is turned. */
class Locking {
  readonly until = new Map<string, number>();
  extensions = 0;
  failing: string | undefined;
  now: () => number = () => 0;

  readonly wrap = (inner: Backend): Backend => ({
    put: async (name, bytes, signal) => {
      const outcome = await inner.put(name, bytes, signal);
      if (outcome === 'created') this.until.set(name, this.now() + 7 * DAY);
      return outcome;
    },
    get: (name, range) => inner.get(name, range),
    head: (name) => inner.head(name),
    list: (prefix) => inner.list(prefix),
    delete: async (name) => {
      if ((this.until.get(name) ?? 0) > this.now()) throw new CodedError('StoreObjectLocked', `${name} is locked`);
      await inner.delete(name);
    },
    lock: {
      retainedUntil: async (name) => this.until.get(name),
      extend: async (name, until) => {
        this.extensions++;
        if (this.failing !== undefined && name.startsWith(this.failing))
          throw new CodedError('StoreIoFailed', 'the storage is away');
        if (!(await inner.head(name))) throw new CodedError('StoreObjectMissing', `${name} is gone`, { target: name });
        this.until.set(name, Math.max(until, this.until.get(name) ?? 0));
      },
    },
  });
}

const openRig = async () => {
  const locking = new Locking();
  const rig = await VaultRig.open({}, { wrap: locking.wrap });
  locking.now = () => rig.clock.now();
  await rig.host.write(MACHINE, -1, 0, randomBytes(300_000));
  for (const at of [1, 40, 66]) await rig.host.write(MACHINE, 0, at * 2 ** 20, randomBytes(200_000));
  const vault = await rig.tools.stores.open(rig.item.vaultId);
  const runner = new JobRunner(rig.tools, { owner: 'test', handlers: { ExtendLocks: runExtendLocks }, concurrency: 1 });
  const extendLocks = async () => {
    const id = await rig.service.requestHousekeeping({ id: rig.item.vaultId, name: 'vault-1' }, 'ExtendLocks', {
      parameters: {},
      by: { objectId: 'operator-1', name: 'an operator' },
    });
    await runner.runOne();
    return rig.job(id);
  };
  /** Every object a point needs, as the store and the trees tell, not as the database believes. */
  const objectsOf = async (point: RecoveryPoint): Promise<readonly string[]> => {
    const ids = new Set<string>();
    for (const { root } of point.disks)
      for await (const pack of pointPacks(
        { backend: vault.store.backend, keys: vault.store.structKeys },
        root as unknown as DiskRoot,
      ))
        ids.add(pack);
    const names: string[] = [point.vaulted!.commitName];
    for await (const { name } of vault.store.backend.list('p/'))
      if (ids.has(name.split('/')[2]!.split('.')[0]!)) names.push(name);
    assert.ok(names.length > ids.size);
    return names;
  };
  const assertLocked = async (point: RecoveryPoint, until: number) => {
    for (const name of await objectsOf(point))
      assert.ok((locking.until.get(name) ?? 0) >= until, `${name} is locked too short`);
  };
  return { rig, locking, vault, extendLocks, assertLocked, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() };
};

test('a commit locks all that the point reaches to its expiry, in steps of 30 days', async () => {
  await using opened = await openRig();
  const { rig, locking, vault, assertLocked } = opened;
  const job = await rig.backUp();
  assert.equal(job.status, 'Completed', JSON.stringify(job.errors));
  const [point] = await rig.points();
  const body = await vault.store.openCommit(point!.vaulted!.commitName);
  assert.equal(body.lockUntil, body.expiresAt);
  await assertLocked(point!, body.expiresAt!);
  assert.equal(point!.vaulted!.lockedUntil! % STEP, 0);
  assert.equal(locking.until.get(point!.vaulted!.commitName), body.expiresAt, 'the commit object to the day');

  locking.extensions = 0;
  await rig.host.write(MACHINE, 0, 5 * 2 ** 20, new Uint8Array(70_000).fill(9));
  await rig.clock.turn(DAY);
  await rig.backUp();
  const [next] = await rig.points();
  await assertLocked(next!, next!.takenAt + 20 * DAY);
  if (next!.vaulted!.lockedUntil === point!.vaulted!.lockedUntil)
    assert.ok(locking.extensions <= 5, `${locking.extensions} extensions, though most of it was locked so already`);
});

test('a storage that fails to lock does not fail the backup; the next run locks it', async () => {
  await using opened = await openRig();
  const { rig, locking, extendLocks, assertLocked } = opened;
  locking.failing = 'p/';
  assert.equal((await rig.backUp()).status, 'Completed');
  const [point] = await rig.points();
  assert.equal(point!.vaulted!.lockedUntil, undefined);
  locking.failing = undefined;
  const job = await extendLocks();
  assert.equal(job.status, 'Completed', JSON.stringify(job.errors));
  const { locks } = await getStoreState(rig.db.queries, rig.item.vaultId);
  assert.deepEqual([locks!.points, locks!.covered, locks!.missing], [1, 1, []]);
  await assertLocked(point!, point!.takenAt + 20 * DAY);
  for (const name of ['fmt', 'keys/1']) assert.ok((locking.until.get(name) ?? 0) > rig.clock.now() + 20 * DAY, name);
  const before = locking.extensions;
  await extendLocks();
  assert.ok(locking.extensions - before <= 2, 'a second run has nothing to do but the keys');
});

test('a point that shares with one that is not locked locks what they share', async () => {
  await using opened = await openRig();
  const { rig, locking, assertLocked } = opened;
  locking.failing = 'p/';
  await rig.backUp();
  locking.failing = undefined;
  await rig.host.write(MACHINE, 0, 50 * 2 ** 20, randomBytes(70_000));
  await rig.clock.turn(3_600_000);
  await rig.backUp();
  const [next, first] = await rig.points();
  assert.equal(first!.vaulted!.lockedUntil, undefined);
  await assertLocked(next!, next!.takenAt + 20 * DAY);
});

test('a policy that keeps points longer makes their locks longer', async () => {
  await using opened = await openRig();
  const { rig, extendLocks, assertLocked } = opened;
  await rig.backUp();
  const policy = (await getPolicy(rig.db.queries, rig.item.policyId!))!;
  await putPolicy(rig.db.queries, {
    ...policy,
    retention: { ...policy.retention, daily: { ...policy.retention.daily!, days: 700 } } as never,
  });
  const [point] = await rig.points();
  const { expiresAt: _old, ...vaulted } = point!.vaulted!;
  await putPoint(rig.db.queries, { ...point!, vaulted, occurrenceKey: '2026-03-02T09:00' });
  const job = await extendLocks();
  assert.equal(job.status, 'Completed', JSON.stringify(job));
  const [longer] = await rig.points();
  assert.ok(longer!.vaulted!.lockedUntil! > point!.vaulted!.lockedUntil! + 300 * DAY);
  await assertLocked(longer!, longer!.takenAt + 690 * DAY);
});

test('what the storage holds for less than is believed is found and locked anew', async () => {
  await using opened = await openRig();
  const { rig, locking, extendLocks, assertLocked } = opened;
  await rig.backUp();
  const [point] = await rig.points();
  for (const name of locking.until.keys()) if (name.startsWith('p/')) locking.until.set(name, rig.clock.now() + DAY);
  const job = await extendLocks();
  assert.ok(Number(job.propertyBag['Packs Locked Anew']) >= 2, JSON.stringify(job.propertyBag));
  await assertLocked(point!, point!.takenAt + 20 * DAY);
});

test('a pack that is gone is named, and the point is not called covered', async () => {
  await using opened = await openRig();
  const { rig, locking, vault, extendLocks } = opened;
  locking.failing = 'p/';
  await rig.backUp();
  locking.failing = undefined;
  const [commit] = await listCommits(rig.db.queries, rig.item.vaultId);
  let lost = '';
  for await (const { name, sizeBytes } of vault.store.backend.list('p/')) if (sizeBytes > 60_000) lost = name;
  assert.ok(commit && lost !== '');
  locking.until.delete(lost);
  await vault.store.backend.delete(lost);
  const job = await extendLocks();
  assert.equal(job.status, 'CompletedWithWarnings');
  const { locks } = await getStoreState(rig.db.queries, rig.item.vaultId);
  assert.deepEqual([locks!.points, locks!.covered], [1, 0]);
  assert.ok(JSON.stringify(locks!.missing).includes(lost.split('/')[2]!.split('.')[0]!));
  const [row] = await packLocks(rig.db.queries, rig.item.vaultId, [lost.split('/')[2]!.split('.')[0]!]);
  assert.equal(row!.lockedUntil, null);
  assert.equal((await getPoint(rig.db.queries, rig.item.id, commit.pointId))!.vaulted!.lockedUntil, undefined);
});

test('without a lock of the storage the run says so', async () => {
  await using rig = await VaultRig.open();
  await rig.backUp();
  const runner = new JobRunner(rig.tools, { owner: 'test', handlers: { ExtendLocks: runExtendLocks }, concurrency: 1 });
  const id = await rig.service.requestHousekeeping({ id: rig.item.vaultId, name: 'vault-1' }, 'ExtendLocks', {
    parameters: {},
    by: { objectId: 'operator-1', name: 'an operator' },
  });
  await runner.runOne();
  const job = await rig.job(id);
  assert.deepEqual([job.status, job.propertyBag.Locks], ['Completed', "The vault's immutability is Disabled."]);
});
