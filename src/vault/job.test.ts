import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoded } from '../lib/error.ts';
import { backupSubTasks, heldPhase, type Job, type SubTaskStatus, TAKE_SNAPSHOT, TRANSFER_DATA } from './job.ts';
import { assertCancellable, isCancellable, isRetriable } from './jobRules.ts';

const job = (patch: Partial<Job> = {}): Job => ({
  id: 'j',
  vaultId: 'v',
  operation: 'Backup',
  status: 'InProgress',
  entityFriendlyName: 'Lantern',
  isUserTriggered: false,
  startedBy: 'schedule',
  startTime: 0,
  subTasks: backupSubTasks(),
  errors: [],
  cancelRequested: false,
  propertyBag: {},
  parameters: {},
  attempt: 1,
  epoch: 0,
  ...patch,
});
const phases = (snapshot: SubTaskStatus, transfer: SubTaskStatus, patch: Partial<Job> = {}) =>
  job({
    subTasks: [
      { name: TAKE_SNAPSHOT, status: snapshot },
      { name: TRANSFER_DATA, status: transfer },
    ],
    ...patch,
  });

test('a backup holds its snapshot phase from the queue on, its transfer while that runs, else nothing', () => {
  assert.equal(heldPhase(job()), 'snapshot');
  assert.equal(heldPhase(phases('InProgress', 'NotStarted')), 'snapshot');
  assert.equal(heldPhase(phases('Completed', 'NotStarted')), undefined);
  assert.equal(heldPhase(phases('Completed', 'InProgress')), 'transfer');
  assert.equal(heldPhase(phases('Completed', 'InProgress', { status: 'Cancelling' })), 'transfer');
  assert.equal(heldPhase(phases('Completed', 'Skipped')), undefined);
  assert.equal(heldPhase(phases('Completed', 'InProgress', { status: 'Failed' })), undefined);
  assert.equal(heldPhase(job({ operation: 'Restore' })), undefined);
});

test('a backup, in either phase, and a restore can be cancelled while they run', () => {
  const refusal = (one: Job): string | undefined => {
    try {
      assertCancellable(one);
      assert.ok(isCancellable(one));
    } catch (error) {
      assert.ok(isCoded(error, 'UserErrorJobNotCancellable') && !isCancellable(one));
      return error.message;
    }
    return undefined;
  };
  assert.equal(refusal(job()), undefined);
  assert.equal(refusal(phases('InProgress', 'NotStarted')), undefined);
  assert.equal(refusal(phases('Completed', 'InProgress')), undefined);
  assert.equal(refusal(job({ operation: 'Restore' })), undefined);
  assert.equal(refusal(job({ status: 'Completed' })), "Backup can't cancel the job because it isn't in progress");
  assert.equal(refusal(job({ operation: 'ConfigureBackup' })), "Cancellation isn't supported for this job type");
});

test('a restore whose data is transferred cannot be cancelled; only a backup that failed can be retried', () => {
  const restored = job({
    operation: 'Restore',
    subTasks: [
      { name: 'Transfer data from vault', status: 'Completed' },
      { name: 'Create virtual machine', status: 'InProgress' },
    ],
  });
  assert.throws(() => assertCancellable(restored), { message: "The job isn't in a cancelable state" });
  assert.equal(isCancellable(job({ operation: 'CrossRegionRestore' })), false);
  assert.deepEqual([isCancellable(job()), isCancellable(job({ status: 'Cancelling' }))], [true, false]);
  const ended = (patch: Partial<Job>) => isRetriable(job({ itemId: 'i', status: 'Failed', ...patch }));
  assert.deepEqual(
    [ended({}), ended({ status: 'Cancelled' }), ended({ status: 'Completed' }), ended({ operation: 'Restore' })],
    [true, true, false, false],
  );
});
