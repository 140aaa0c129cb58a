import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { getItem } from '../db/items.ts';
import { listPacks } from '../db/packs.ts';
import { CodedError } from '../lib/error.ts';
import { type Job, subTask, TAKE_SNAPSHOT, TRANSFER_DATA } from '../vault/job.ts';
import { hasSnapshot } from '../vault/recoveryPoint.ts';
import { BY, MACHINE, VaultRig } from './vaultRig.fixture.ts';

const statuses = (job: Job) => job.subTasks.map(({ name, status }) => [name, status]);
const BOTH_COMPLETED = [
  [TAKE_SNAPSHOT, 'Completed'],
  [TRANSFER_DATA, 'Completed'],
];

test('a full and an incremental backup restore byte for byte', async () => {
  await using rig = await VaultRig.open();
  await rig.host.write(MACHINE, -1, 0, randomBytes(300_000));
  await rig.host.write(MACHINE, 0, 66_000_000, randomBytes(2_000_000));
  const first = await rig.backUp();
  const firstHashes = await rig.diskHashes();
  assert.equal(first.status, 'Completed', JSON.stringify(first.errors));
  assert.deepEqual(statuses(first), BOTH_COMPLETED);

  await rig.clock.turn(86_400_000);
  await rig.host.write(MACHINE, 0, 1_000_000, randomBytes(5000));
  const second = await rig.backUp();
  assert.equal(second.status, 'Completed', JSON.stringify(second.errors));
  assert.ok(subTask(second, TRANSFER_DATA)!.bytesDone! <= 262_144, 'only the touched chunk is read');

  const [newer, older] = await rig.points();
  assert.deepEqual((await rig.restore(newer!)).hashes, await rig.diskHashes());
  assert.deepEqual((await rig.restore(older!)).hashes, firstHashes);
  assert.deepEqual(rig.host.faults.unhit, []);
  assert.equal(rig.host.openDisks, 0);
});

test('while a transfer runs, the next backup takes its snapshot and skips its transfer; the one after carries all', async () => {
  await using rig = await VaultRig.open();
  await rig.host.write(MACHINE, 0, 0, randomBytes(400_000));
  assert.equal((await rig.backUp()).status, 'Completed');
  await rig.clock.turn(60_000);
  await rig.host.write(MACHINE, 0, 10_000_000, randomBytes(200_000));
  const held = rig.host.faults.hold('openDisk');
  const slowId = await rig.service.requestBackup(rig.item.id, { userTriggered: true, by: BY });
  const slow = rig.runner.runOne();
  await held.arrived;

  await rig.clock.turn(60_000);
  await rig.host.write(MACHINE, 0, 20_000_000, randomBytes(200_000));
  const skipped = await rig.backUp();
  assert.equal(skipped.status, 'Completed');
  assert.equal(subTask(skipped, TAKE_SNAPSHOT)!.status, 'Completed');
  assert.equal(subTask(skipped, TRANSFER_DATA)!.status, 'Skipped');
  assert.match(subTask(skipped, TRANSFER_DATA)!.note!, new RegExp(slowId));
  const skippedHashes = await rig.diskHashes();
  held.release();
  await slow;
  assert.deepEqual(statuses(await rig.job(slowId)), BOTH_COMPLETED);

  await rig.clock.turn(60_000);
  await rig.host.write(MACHINE, 0, 30_000_000, randomBytes(200_000));
  const last = await rig.backUp();
  assert.deepEqual(statuses(last), BOTH_COMPLETED);
  assert.ok(subTask(last, TRANSFER_DATA)!.bytesDone! >= 400_000, 'the churn of both days is carried');
  assert.ok(subTask(last, TRANSFER_DATA)!.bytesDone! < 1_500_000, 'and nothing else is read');
  const [newest, instantOnly] = await rig.points();
  assert.deepEqual((await rig.restore(newest!)).hashes, await rig.diskHashes());
  assert.equal(instantOnly!.vaulted, undefined);
  assert.deepEqual((await rig.restore(instantOnly!)).hashes, skippedHashes, 'a snapshot alone restores too');
});

test('a second backup is refused while the first takes its snapshot', async () => {
  await using rig = await VaultRig.open();
  const held = rig.host.faults.hold('snapshot');
  await rig.service.requestBackup(rig.item.id, { userTriggered: true, by: BY });
  const running = rig.runner.runOne();
  await held.arrived;
  await assert.rejects(
    rig.service.requestBackup(rig.item.id, { userTriggered: true, by: BY }),
    (error: CodedError) => error.code === 'UserErrorBackupOperationInProgress',
  );
  held.release();
  await running;
});

test('a passing failure is tried again; the ninth is the end, with code and recommendation', async () => {
  await using rig = await VaultRig.open();
  const failure = () =>
    new CodedError('SnapshotFailed', 'no space for the scratch', { recommendations: ['Free some.'] });
  rig.host.faults.failNext('snapshot', failure());
  const id = await rig.service.requestBackup(rig.item.id, { userTriggered: true, by: BY });
  await rig.runner.runOne();
  assert.deepEqual([(await rig.job(id)).status, (await rig.job(id)).attempt], ['InProgress', 2]);
  assert.equal((await getItem(rig.db.queries, rig.item.id))?.lastBackup, undefined, 'it has not failed yet');
  assert.equal(await rig.runner.runOne(), false, 'not before the pause is over');
  await rig.clock.turn(15_000);
  await rig.runner.runOne();
  assert.deepEqual(statuses(await rig.job(id)), BOTH_COMPLETED);
  const { propertyBag } = await rig.job(id);
  assert.equal(propertyBag.Attempts, '2');
  assert.match(propertyBag['Recovery Point Expiry Time in UTC'] ?? '', /^2026-\d\d-\d\dT/);

  for (let i = 0; i < 9; i++) rig.host.faults.failNext('snapshot', failure());
  const doomed = await rig.service.requestBackup(rig.item.id, { userTriggered: true, by: BY });
  for (let i = 0; i < 9; i++) {
    assert.deepEqual([(await rig.job(doomed)).status, (await rig.job(doomed)).attempt], ['InProgress', i + 1]);
    await rig.runner.runOne();
    await rig.clock.turn(900_000);
  }
  const job = await rig.job(doomed);
  assert.equal(job.status, 'Failed');
  assert.deepEqual(job.errors, [
    { code: 'SnapshotFailed', message: 'no space for the scratch', recommendations: ['Free some.'] },
  ]);
  assert.deepEqual(rig.host.faults.unhit, []);
});

for (const phase of ['snapshot', 'openDisk'] as const)
  test(`cancelling in ${phase} ends the job and leaves the next backup right`, async () => {
    await using rig = await VaultRig.open();
    await rig.host.write(MACHINE, 0, 0, randomBytes(300_000));
    const held = rig.host.faults.hold(phase);
    const id = await rig.service.requestBackup(rig.item.id, { userTriggered: true, by: BY });
    const running = rig.runner.runOne();
    await held.arrived;
    await rig.service.cancel(id);
    await running;
    assert.equal((await rig.job(id)).status, 'Cancelled');
    assert.ok((await rig.job(id)).subTasks.every(({ status }) => status !== 'InProgress'));
    await rig.clock.turn(60_000);
    assert.deepEqual(statuses(await rig.backUp()), BOTH_COMPLETED);
    assert.deepEqual((await rig.restore((await rig.points())[0]!)).hashes, await rig.diskHashes());
    await assert.rejects(rig.service.cancel(id), { code: 'UserErrorJobNotCancellable' });
  });

test('a dead worker’s job is taken over when its lease is over, and the dead one can write no more', async () => {
  await using rig = await VaultRig.open();
  await rig.host.write(MACHINE, 0, 0, randomBytes(300_000));
  const held = rig.host.faults.hold('openDisk');
  const id = await rig.service.requestBackup(rig.item.id, { userTriggered: true, by: BY });
  const zombie = rig.newRunner();
  const zombieRun = zombie.runOne();
  await held.arrived;
  const dead = await rig.db.queries.updateTable('jobs').set({ lease_until: 1 }).where('id', '=', id).executeTakeFirst();
  assert.equal(dead.numUpdatedRows, 1n);
  assert.equal(await rig.runner.runOne(), true);
  assert.deepEqual(statuses(await rig.job(id)), BOTH_COMPLETED);
  held.release();
  await zombieRun;
  assert.equal((await rig.job(id)).status, 'Completed');
  assert.equal((await rig.points()).length, 1, 'one job, one point');
  assert.deepEqual((await rig.restore((await rig.points())[0]!)).hashes, await rig.diskHashes());
});

test('a lost dedupe index costs space, never data', async () => {
  await using rig = await VaultRig.open();
  await rig.host.write(MACHINE, 0, 0, randomBytes(300_000));
  await rig.backUp();
  const { dedupePath } = await rig.tools.stores.open(rig.item.vaultId);
  for (const suffix of ['', '-wal', '-shm']) await rm(dedupePath + suffix, { force: true });
  await rig.clock.turn(60_000);
  rig.host.dropTracking(MACHINE, 0);
  assert.deepEqual(statuses(await rig.backUp()), BOTH_COMPLETED);
  assert.deepEqual((await rig.restore((await rig.points())[0]!)).hashes, await rig.diskHashes());
});

test('an expired point goes, the newest stays, and what stays says until when and why', async () => {
  await using rig = await VaultRig.open();
  await rig.host.write(MACHINE, 0, 0, randomBytes(300_000));
  const id = await rig.service.requestBackup(rig.item.id, {
    userTriggered: true,
    retainUntil: rig.clock.now() + 5 * 86_400_000,
    by: BY,
  });
  await rig.runner.runOne();
  assert.equal((await rig.job(id)).status, 'Completed');
  await rig.clock.turn(10 * 86_400_000);
  await rig.host.write(MACHINE, 0, 500_000, randomBytes(300_000));
  await rig.backUp();
  const points = await rig.points();
  assert.equal(points.length, 1, JSON.stringify(points.map(({ id: point, keptBy }) => [point, keptBy])));
  assert.ok(points[0]!.keptBy.length > 0);
  assert.deepEqual((await rig.host.snapshots(MACHINE)).length, 1);
  const { store } = await rig.tools.stores.open(rig.item.vaultId);
  const names: string[] = [];
  for await (const { pointId } of store.commits()) names.push(pointId);
  assert.deepEqual(names, [points[0]!.id]);
  assert.deepEqual((await rig.restore(points[0]!)).hashes, await rig.diskHashes());
});

test('a damaged store does not stop the next backup, which mends what the live disk still has', async () => {
  await using rig = await VaultRig.open();
  await rig.host.write(MACHINE, 0, 0, randomBytes(300_000));
  await rig.backUp();
  const [damaged] = await rig.points();
  const packs = await listPacks(rig.db.queries, rig.item.vaultId);
  for (const { name } of packs.filter(({ kind }) => kind === 'meta'))
    await rm(join(rig.tools.stores.storeFolder(rig.item.vaultId), name));
  assert.equal((await rig.restore(damaged!)).job.status, 'Failed', 'missing bytes are an error, never zeros');
  await rig.clock.turn(60_000);
  await rig.host.write(MACHINE, 0, 50_000, randomBytes(10));
  const job = await rig.backUp();
  assert.deepEqual(statuses(job), BOTH_COMPLETED, JSON.stringify(job.errors));
  assert.match(subTask(job, TRANSFER_DATA)!.note!, /stored anew, for the vault's copy is damaged/);
  assert.deepEqual((await rig.restore((await rig.points())[0]!)).hashes, await rig.diskHashes());
});

test('snapshots go when their instant-restore days are over, the vault keeps the points, and both restore', async () => {
  await using rig = await VaultRig.open({ instantRestoreDays: 2 });
  const hashes = new Map<string, ReadonlyMap<number, string>>();
  for (let day = 0; day < 5; day++) {
    await rig.host.write(MACHINE, 0, day * 1_000_000, randomBytes(50_000));
    assert.deepEqual(statuses(await rig.backUp()), BOTH_COMPLETED);
    hashes.set((await rig.points())[0]!.id, await rig.diskHashes());
    await rig.clock.turn(86_400_000);
  }
  const points = await rig.points();
  assert.equal(points.length, 5);
  const kept = points.filter(hasSnapshot).map(({ id }) => id);
  assert.deepEqual(
    kept,
    points.slice(0, 2).map(({ id }) => id),
    'those of the last two days',
  );
  assert.deepEqual((await rig.host.snapshots(MACHINE)).map(({ id }) => id.slice(1)).toSorted(), kept.toSorted());
  for (const point of [points[0]!, points[4]!])
    assert.deepEqual((await rig.restore(point)).hashes, hashes.get(point.id), `point ${point.id}`);
});
