import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job, SubTask } from '../../vault/job.ts';
import { jobToWire } from './job.ts';

const NOW = Date.parse('2026-01-05T09:00:00Z');
const job = (more: Partial<Job>): Job => ({
  id: 'j1',
  vaultId: 'v1',
  operation: 'Backup',
  status: 'InProgress',
  entityFriendlyName: 'web01',
  isUserTriggered: false,
  startedBy: 'schedule',
  startTime: NOW - 60_000,
  subTasks: [],
  errors: [],
  cancelRequested: false,
  propertyBag: { 'VM Name': 'web01' },
  parameters: {},
  attempt: 1,
  epoch: 0,
  ...more,
});
const percentageOf = (...subTasks: SubTask[]) =>
  jobToWire('/v', job({ subTasks }), { extended: true, now: NOW }).properties.extendedInfo?.progressPercentage;

test('a list goes without sub tasks, one job comes with them', () => {
  const listed = jobToWire('/v', job({}), { extended: false, now: NOW });
  assert.deepEqual([listed.id, 'extendedInfo' in listed.properties], ['/v/backupJobs/j1', false]);
  const ended = jobToWire('/v', job({ status: 'Completed', endTime: NOW - 30_000 }), { extended: true, now: NOW });
  assert.deepEqual(
    [ended.properties.duration, ended.properties.endTime, ended.properties.extendedInfo?.tasksList],
    ['PT30S', '2026-01-05T08:59:30.000Z', []],
  );
});

test('progress is the mean of the sub tasks that run at all', () => {
  const take: SubTask = { name: 'Take Snapshot', status: 'Completed' };
  const transfer = (more: Partial<SubTask>): SubTask => ({
    name: 'Transfer data to vault',
    status: 'InProgress',
    ...more,
  });
  assert.equal(percentageOf({ ...take, status: 'NotStarted' }, transfer({ status: 'NotStarted' })), 0);
  assert.equal(percentageOf(take, transfer({ status: 'Skipped' })), 100);
  assert.equal(percentageOf(take, transfer({})), 50);
  assert.equal(percentageOf(take, transfer({ bytesDone: 9, bytesTotal: 3 })), 100);
  assert.equal(percentageOf(take, transfer({ bytesDone: 0, bytesTotal: 0 })), 50);
});
