import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { listItemsDue, listItemsToPrune, setNextDue } from '../db/itemSchedule.ts';
import { insertItem, updateItem } from '../db/items.ts';
import { listJobs } from '../db/jobList.ts';
import { listOccurrences } from '../db/schedule.ts';
import { CodedError } from '../lib/error.ts';
import type { Job } from '../vault/job.ts';
import { subTask, TRANSFER_DATA } from '../vault/job.ts';
import { pruneItem } from './prune.ts';
import { Scheduler } from './scheduler.ts';
import { BY, MACHINE, VaultRig } from './vaultRig.fixture.ts';

const HOUR = 3_600_000;
const DAILY = { schedule: { frequency: 'Daily', time: '12:00' }, timeZone: 'UTC' } as const;

const jobsOf = async (rig: VaultRig): Promise<readonly Job[]> =>
  (await listJobs(rig.db.queries, { itemId: rig.item.id })).values;

test('a due occurrence runs once, however often it is looked at', async () => {
  await using rig = await VaultRig.open(DAILY);
  const scheduler = new Scheduler(rig.tools, rig.runner);
  await scheduler.tick();
  assert.deepEqual(await jobsOf(rig), [], 'nothing is due at nine');
  await rig.clock.turn(3 * HOUR);
  await scheduler.tick();
  await scheduler.tick();
  await new Scheduler(rig.tools, rig.newRunner()).tick();
  assert.equal((await jobsOf(rig)).length, 1);
  await rig.runner.runOne();
  const [job] = await jobsOf(rig);
  assert.equal(job!.status, 'Completed');
  assert.equal(job!.isUserTriggered, false);
  const [point] = await rig.points();
  assert.equal(point!.occurrenceKey, '2026-03-02/12:00');
});

test('after three days down one backup is caught up and the others are recorded as missed', async () => {
  await using rig = await VaultRig.open(DAILY);
  await new Scheduler(rig.tools, rig.runner).tick();
  await rig.clock.turn(3 * 24 * HOUR + 4 * HOUR);
  await new Scheduler(rig.tools, rig.newRunner()).tick();
  const jobs = await jobsOf(rig);
  assert.deepEqual(jobs.map(({ status, errors }) => [status, errors[0]?.code]).sort(), [
    ['Failed', 'ScheduledBackupMissed'],
    ['Failed', 'ScheduledBackupMissed'],
    ['Failed', 'ScheduledBackupMissed'],
    ['InProgress', undefined],
  ]);
  const outcomes = (await listOccurrences(rig.db.queries, rig.item.id)).map(({ outcome }) => outcome);
  assert.deepEqual(outcomes, ['fired', 'missed', 'missed', 'missed']);
  await rig.runner.runOne();
  assert.equal((await rig.points()).length, 1);
});

test('an occurrence that falls into an on-demand snapshot is neither lost nor doubled', async () => {
  await using rig = await VaultRig.open(DAILY);
  const scheduler = new Scheduler(rig.tools, rig.runner);
  await scheduler.tick();
  await rig.clock.turn(3 * HOUR);
  const held = rig.host.faults.hold('snapshot');
  await rig.service.requestBackup(rig.item.id, { userTriggered: true, by: BY });
  const running = rig.runner.runOne();
  await held.arrived;
  await scheduler.tick();
  assert.equal((await jobsOf(rig)).length, 1, 'the on-demand one alone');
  held.release();
  await running;
  await scheduler.tick();
  await scheduler.tick();
  assert.equal((await jobsOf(rig)).length, 2);
  await rig.runner.runOne();
  assert.equal((await rig.points()).length, 2);
});

test('a stopped item is not backed up', async () => {
  await using rig = await VaultRig.open(DAILY);
  const { policyId: _policy, ...item } = rig.item;
  await updateItem(rig.db.queries, { ...item, protectionState: 'ProtectionStopped' });
  await rig.clock.turn(48 * HOUR);
  await new Scheduler(rig.tools, rig.runner).tick();
  assert.deepEqual(await jobsOf(rig), []);
});

test('of an hourly policy every backup makes a snapshot, and the last of the day goes to the vault', async () => {
  const schedule = { frequency: 'Hourly', intervalHours: 4, windowStart: '08:00', windowHours: 12 } as const;
  await using rig = await VaultRig.open({ policyType: 'V2', schedule, timeZone: 'UTC' });
  const scheduler = new Scheduler(rig.tools, rig.runner);
  const transfers: string[] = [];
  // The first point of all goes to the vault, whatever its hour.
  for (let hour = 0; hour < 26; hour += 1) {
    await scheduler.tick();
    if (await rig.runner.runOne()) {
      const [job] = await jobsOf(rig);
      const at = new Date(rig.clock.now()).toISOString().slice(11, 13);
      transfers.push(`${at} ${subTask(job!, TRANSFER_DATA)!.status}`);
    }
    await rig.clock.turn(HOUR);
  }
  assert.deepEqual(transfers.slice(1), ['16 Skipped', '20 Completed', '08 Skipped']);
  assert.equal((await rig.host.snapshots(MACHINE)).length, 4);
});

test('a soft-deleted item is purged when its time is over: points, snapshots and commits go with it', async () => {
  await using rig = await VaultRig.open(DAILY);
  await rig.host.write(MACHINE, 0, 0, new Uint8Array(100_000).fill(7));
  assert.equal((await rig.backUp()).status, 'Completed');
  const now = rig.clock.now();
  const { policyId: _policy, ...item } = rig.item;
  const softDelete = { deletedAt: now, retentionDays: 14, purgeAt: now + 14 * 24 * HOUR };
  await updateItem(rig.db.queries, { ...item, protectionState: 'ProtectionStopped', softDelete });
  await rig.clock.turn(13 * 24 * HOUR);
  await new Scheduler(rig.tools, rig.runner).tick();
  assert.equal((await rig.points()).length, 1, 'within the 14 days it can be taken back');
  await rig.clock.turn(2 * 24 * HOUR);
  await new Scheduler(rig.tools, rig.runner).tick();
  assert.deepEqual(await rig.points(), []);
  assert.deepEqual(await rig.host.snapshots(MACHINE), []);
  const { store } = await rig.tools.stores.open(rig.item.vaultId);
  for await (const commit of store.commits()) assert.fail(`left: ${commit.name}`);
});

test('a scheduled backup that fails again and again gives way to the next one', async () => {
  await using rig = await VaultRig.open({
    schedule: { frequency: 'Hourly', windowStart: '08:00', windowHours: 12, intervalHours: 4 },
    timeZone: 'UTC',
  });
  const scheduler = new Scheduler(rig.tools, rig.runner);
  await scheduler.tick();
  await rig.clock.turn(3 * HOUR);
  await scheduler.tick();
  const [first] = await jobsOf(rig);
  assert.equal(first?.parameters.retryUntil, Date.parse('2026-03-02T16:00:00Z'));
  await rig.clock.turn(4 * HOUR - 10_000);
  rig.host.faults.failNext('snapshot', new CodedError('SnapshotFailed', 'no space'));
  await rig.runner.runOne();
  assert.deepEqual(
    (await jobsOf(rig)).map(({ status }) => status),
    ['Failed'],
    'its next attempt would come too late',
  );
  await rig.clock.turn(10_000);
  await scheduler.tick();
  assert.deepEqual(
    (await jobsOf(rig)).map(({ status }) => status),
    ['InProgress', 'Failed'],
  );
});

test('jobs are let go of when they are old; what has not ended stays', async () => {
  await using rig = await VaultRig.open(DAILY);
  const old = await rig.backUp();
  rig.host.faults.failNext('snapshot', new CodedError('SnapshotFailed', 'no space'));
  await rig.clock.turn(60_000);
  const resting = await rig.backUp();
  assert.equal(resting.status, 'InProgress');
  await rig.clock.turn(2 * 24 * HOUR);
  const scheduler = new Scheduler({ ...rig.tools, jobHistoryDays: 1 }, rig.runner);
  await scheduler.tick();
  const left = (await jobsOf(rig)).map(({ id }) => id);
  assert.deepEqual([left.includes(old.id), left.includes(resting.id)], [false, true]);
  const journal = await rig.db.queries.selectFrom('job_journal').select('job_id').distinct().execute();
  assert.deepEqual(
    journal.map(({ job_id }) => job_id),
    [resting.id],
  );
});

test('a tick reads the items that are due and no other, however many pages they fill, and gives each its next time', async () => {
  await using rig = await VaultRig.open(DAILY);
  const { queries } = rig.db;
  const count = 230;
  await rig.db.transaction(async (tx) => {
    for (let i = 0; i < count; i += 1) await insertItem(tx, { ...rig.item, id: randomUUID(), vmName: `app-${i}` });
  });
  const scheduler = new Scheduler(rig.tools, rig.runner);
  await scheduler.tick();
  const due = () => listItemsDue(queries, rig.clock.now(), { limit: 1000 });
  assert.deepEqual(await due(), [], 'nothing is due at nine: the next tick reads nothing');
  await rig.clock.turn(3 * HOUR);
  assert.equal((await due()).length, count + 1);
  const [skipped] = await due();
  await setNextDue(queries, skipped!.id, rig.clock.now() + HOUR);
  await scheduler.tick();
  const { jobs } = await queries
    .selectFrom('jobs')
    .select((e) => e.fn.count<number>('item_id').distinct().as('jobs'))
    .where('operation', '=', 'Backup')
    .executeTakeFirstOrThrow();
  assert.equal(Number(jobs), count, 'the one that was not due was not looked at');
  assert.deepEqual(await due(), []);
  await rig.clock.turn(24 * HOUR);
  assert.equal((await due()).length, count + 1);
});

test('points are pruned when the next of them ends, and a day later at the latest', async () => {
  await using rig = await VaultRig.open(DAILY);
  await rig.backUp();
  await rig.clock.turn(HOUR);
  await rig.backUp();
  const pruneDue = () => listItemsToPrune(rig.db.queries, rig.clock.now(), 9);
  const scheduler = new Scheduler(rig.tools, rig.runner);
  await scheduler.tick();
  assert.deepEqual(await pruneDue(), []);
  await rig.clock.turn(24 * HOUR);
  assert.deepEqual(await pruneDue(), [rig.item.id], 'once a day');
  await pruneItem(rig.tools, rig.item.id);
  await rig.clock.turn(23 * HOUR - 1);
  assert.deepEqual(await pruneDue(), []);
  await rig.clock.turn(1);
  assert.deepEqual(await pruneDue(), [rig.item.id], 'the first snapshot ends');
  await scheduler.tick();
  assert.equal((await rig.host.snapshots(MACHINE)).length, 1);
});
