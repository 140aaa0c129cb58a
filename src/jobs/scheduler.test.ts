import assert from 'node:assert/strict';
import { test } from 'node:test';
import { updateItem } from '../db/items.ts';
import { listJobs } from '../db/jobList.ts';
import { listOccurrences } from '../db/schedule.ts';
import type { Job } from '../vault/job.ts';
import { subTask, TRANSFER_DATA } from '../vault/job.ts';
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
