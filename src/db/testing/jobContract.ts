import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isCoded } from '../../lib/error.ts';
import { type Job, subTask, TAKE_SNAPSHOT, TRANSFER_DATA } from '../../vault/job.ts';
import { listJobs, listUnendedJobs } from '../jobList.ts';
import {
  claimJob,
  enqueueJob,
  finishJob,
  getJob,
  heartbeat,
  journalStep,
  readJournal,
  recordEndedJob,
  releaseJob,
  requestCancel,
  tryEnqueueBackup,
  tryStartTransfer,
  updateJob,
} from '../jobs.ts';
import type { Queries } from '../schema.ts';
import type { OpenDatabase } from './openedDatabase.ts';
import { backupJob, START } from './samples.ts';

const LEASE_MS = 60_000;
const isLost = (error: unknown) => isCoded(error, 'JobLeaseLost');

const claimed = async (db: Queries, now = START): Promise<Job> => {
  const job = await claimJob(db, 'worker', now, LEASE_MS);
  assert.ok(job);
  return job;
};

/** Ends the snapshot sub task, as the runner does. */
const endSnapshot = (db: Queries, job: Job) =>
  updateJob(db, job.id, job.epoch, (now) => ({
    subTasks: now.subTasks.map((task) => (task.name === TAKE_SNAPSHOT ? { ...task, status: 'Completed' } : task)),
  }));

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: a suite, as in a test file
export const jobContract = (name: string, open: OpenDatabase): void => {
  // biome-ignore lint/complexity/noExcessiveLinesPerFunction: a suite, as in a test file
  void describe(`${name}: the job queue`, () => {
    test('the oldest job is claimed first, once, and again when its lease is over', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      const young = await enqueueJob(db, backupJob({ itemId: 'b', startTime: START + 1 }));
      const old = await enqueueJob(db, backupJob({ itemId: 'a', startTime: START }));
      assert.equal((await claimed(db)).id, old.id);
      assert.equal((await claimed(db)).id, young.id);
      assert.equal(await claimJob(db, 'other', START + LEASE_MS, LEASE_MS), undefined);
      const taken = await claimJob(db, 'other', START + LEASE_MS + 1, LEASE_MS);
      assert.deepEqual([taken?.id, taken?.epoch, taken?.leaseOwner], [old.id, 2, 'other']);
    });

    test('a heartbeat keeps the lease; a release gives it back for later', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      await enqueueJob(db, backupJob());
      const job = await claimed(db);
      assert.equal(await heartbeat(db, job.id, job.epoch, START + 5 * LEASE_MS), true);
      assert.equal(await claimJob(db, 'other', START + 3 * LEASE_MS, LEASE_MS), undefined);
      await releaseJob(db, job.id, job.epoch, START + 9 * LEASE_MS);
      assert.equal(await claimJob(db, 'other', START + 8 * LEASE_MS, LEASE_MS), undefined);
      assert.equal((await claimJob(db, 'other', START + 9 * LEASE_MS, LEASE_MS))?.epoch, 2);
    });

    test('only jobs of the operations asked for are claimed', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      await enqueueJob(db, backupJob());
      assert.equal(await claimJob(db, 'w', START, LEASE_MS, ['Restore']), undefined);
      assert.ok(await claimJob(db, 'w', START, LEASE_MS, ['Restore', 'Backup']));
    });

    test('whoever lost the lease is shut out of everything', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      await enqueueJob(db, backupJob());
      const zombie = await claimed(db);
      const heir = await claimed(db, START + LEASE_MS + 1);
      const before = await getJob(db, heir.id);
      assert.equal(await heartbeat(db, zombie.id, zombie.epoch, START + 9 * LEASE_MS), false);
      await assert.rejects(updateJob(db, zombie.id, zombie.epoch, { propertyBag: { a: 'b' } }), isLost);
      await assert.rejects(journalStep(db, zombie.id, zombie.epoch, 'snapshot', 's1'), isLost);
      await assert.rejects(tryStartTransfer(db, 'item-1', zombie.id, zombie.epoch, START), isLost);
      await assert.rejects(releaseJob(db, zombie.id, zombie.epoch, START), isLost);
      await assert.rejects(finishJob(db, zombie.id, zombie.epoch, { status: 'Completed', now: START }), isLost);
      assert.deepEqual(await getJob(db, heir.id), before);
    });

    test('connections that claim at once never get one job twice', async () => {
      await using opened = await open();
      const connections = [opened.database, await opened.again(), await opened.again()];
      for (let i = 0; i < 60; i++) await enqueueJob(opened.database.queries, backupJob({ itemId: `item-${i}` }));
      const claim = async (db: Queries): Promise<string[]> => {
        const job = await claimJob(db, 'w', START, LEASE_MS);
        return job === undefined ? [] : [job.id, ...(await claim(db))];
      };
      const got = await Promise.all(connections.flatMap(({ queries }) => [claim(queries), claim(queries)]));
      assert.equal(got.flat().length, 60);
      assert.equal(new Set(got.flat()).size, 60);
      for (const connection of connections.slice(1)) await connection[Symbol.asyncDispose]();
    });

    test('a second backup waits for the snapshot of the first, not for its transfer', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      const first = await tryEnqueueBackup(db, backupJob());
      const busy = (error: unknown) =>
        isCoded(error, 'UserErrorBackupOperationInProgress') && error.target === first.id;
      await assert.rejects(tryEnqueueBackup(db, backupJob()), busy);
      await tryEnqueueBackup(db, backupJob({ itemId: 'item-2', startTime: START + 1 }));
      const running = await claimed(db);
      await assert.rejects(tryEnqueueBackup(db, backupJob()), busy);
      await endSnapshot(db, running);
      assert.deepEqual(await tryStartTransfer(db, 'item-1', running.id, running.epoch, START), { started: true });
      const second = await tryEnqueueBackup(db, backupJob({ startTime: START - 1 }));
      const overlapping = await claimed(db);
      assert.equal(overlapping.id, second.id);
      await endSnapshot(db, overlapping);
      const refused = await tryStartTransfer(db, 'item-1', overlapping.id, overlapping.epoch, START);
      assert.deepEqual(refused, { started: false, holderJobId: running.id });
      assert.equal(subTask((await getJob(db, second.id))!, TRANSFER_DATA)?.status, 'NotStarted');
      await finishJob(db, running.id, running.epoch, { status: 'Completed', now: START + 1 });
      assert.deepEqual(await tryStartTransfer(db, 'item-1', overlapping.id, overlapping.epoch, START), {
        started: true,
      });
    });

    test('a transfer taken over by another worker is still the same transfer', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      await tryEnqueueBackup(db, backupJob());
      const first = await claimed(db);
      await endSnapshot(db, first);
      await tryStartTransfer(db, 'item-1', first.id, first.epoch, START + 1);
      const heir = await claimed(db, START + LEASE_MS + 1);
      assert.deepEqual(await tryStartTransfer(db, 'item-1', heir.id, heir.epoch, START + 99), { started: true });
      assert.equal(subTask((await getJob(db, heir.id))!, TRANSFER_DATA)?.startTime, START + 1);
    });

    test('changes made at once do not lose one another', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      await enqueueJob(db, backupJob());
      const job = await claimed(db);
      await Promise.all(
        Array.from({ length: 20 }, (_, i) => updateJob(db, job.id, job.epoch, { propertyBag: { [`k${i}`]: `${i}` } })),
      );
      assert.equal(Object.keys((await getJob(db, job.id))!.propertyBag).length, 20);
    });

    test('a journal step is written once and survives the worker', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      await enqueueJob(db, backupJob());
      const first = await claimed(db);
      assert.equal(await journalStep(db, first.id, first.epoch, 'snapshotId', 's1'), 's1');
      const heir = await claimed(db, START + LEASE_MS + 1);
      assert.equal(await journalStep(db, heir.id, heir.epoch, 'snapshotId', 's2'), 's1');
      await journalStep(db, heir.id, heir.epoch, 'done', { disks: [0, 1] });
      assert.deepEqual(
        await readJournal(db, first.id),
        new Map<string, unknown>([
          ['snapshotId', 's1'],
          ['done', { disks: [0, 1] }],
        ]),
      );
    });

    test('a cancel is asked for while the job runs, and changes nothing once it ended', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      await enqueueJob(db, backupJob());
      const job = await claimed(db);
      const asked = await requestCancel(db, job.id);
      assert.deepEqual([asked?.cancelRequested, asked?.status], [true, 'Cancelling']);
      assert.equal((await updateJob(db, job.id, job.epoch, {})).cancelRequested, true);
      const errors = [{ code: 'JobCancelled', message: 'Cancelled.', recommendations: [] }];
      await finishJob(db, job.id, job.epoch, { status: 'Cancelled', now: START + 5, errors });
      const ended = await requestCancel(db, job.id);
      assert.deepEqual(
        [ended?.status, ended?.endTime, ended?.errors, ended?.leaseUntil],
        ['Cancelled', START + 5, errors, undefined],
      );
      assert.equal(await claimJob(db, 'w', START + 9 * LEASE_MS, LEASE_MS), undefined);
      assert.equal(await requestCancel(db, 'none'), undefined);
    });

    test('lists are filtered and come newest first, page by page', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      for (let i = 0; i < 9; i++) {
        const job = backupJob({
          startTime: START + Math.floor(i / 2),
          operation: i % 3 === 0 ? 'Restore' : 'Backup',
          itemId: `item-${i}`,
        });
        if (i < 4) await recordEndedJob(db, job, { status: 'Completed', endTime: START + 100 + i });
        else await enqueueJob(db, job);
      }
      const all = await listJobs(db, { vaultId: 'vault-1' });
      assert.deepEqual(
        all.values.map((job) => job.startTime - START),
        [4, 3, 3, 2, 2, 1, 1, 0, 0],
      );
      const first = await listJobs(db, { vaultId: 'vault-1' }, { limit: 4 });
      const rest = await listJobs(db, { vaultId: 'vault-1' }, { after: first.next! });
      assert.deepEqual([...first.values, ...rest.values], all.values);
      const count = async (filter: object) => (await listJobs(db, filter)).values.length;
      assert.equal(await count({ statuses: ['Completed'] }), 4);
      assert.equal(await count({ operations: ['Restore'] }), 3);
      assert.equal(await count({ startFrom: START + 1, startTo: START + 2 }), 4);
      assert.equal(await count({ endFrom: START + 102, endTo: START + 103 }), 2);
      assert.equal(await count({ itemId: 'item-4' }), 1);
      assert.equal(await count({ vaultId: 'vault-9' }), 0);
      assert.equal((await listUnendedJobs(db)).length, 5);
    });
  });
};
