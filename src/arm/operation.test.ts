import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoded } from '../lib/error.ts';
import {
  MemoryOperationStore,
  type OperationRecord,
  operationBody,
  operationResult,
  operationStatus,
} from './operation.ts';
import { ok } from './respond.ts';

const running: OperationRecord = {
  id: 'o1',
  scope: '/s',
  status: 'InProgress',
  startTime: Date.parse('2026-01-05T08:00:00Z'),
};
const context = {
  path: '/s/operations/o1',
  absoluteUrl: (path: string) => `https://vault.example${path}?api-version=v`,
};

test('a poll of the status is always 200 and tells when to come back', () => {
  assert.deepEqual(operationStatus(context, running), {
    status: 200,
    body: { id: '/s/operations/o1', name: 'o1', status: 'InProgress', startTime: '2026-01-05T08:00:00.000Z' },
    headers: { 'retry-after': '1' },
  });
  const done: OperationRecord = {
    ...running,
    status: 'Succeeded',
    endTime: running.startTime + 1000,
    properties: { jobId: 'j' },
  };
  assert.equal(operationBody(done, '/p').endTime, '2026-01-05T08:00:01.000Z');
  assert.deepEqual(operationBody(done, '/p').properties, { jobId: 'j' });
  assert.equal(operationStatus(context, done).headers, undefined);
});

test('a poll of the result is 202 until it is there, then what was promised, or the error', () => {
  const headers = { location: 'https://vault.example/s/operations/o1?api-version=v', 'retry-after': '1' };
  assert.deepEqual(operationResult(context, running), { status: 202, headers });
  assert.deepEqual(operationResult(context, { ...running, status: 'Succeeded' }), { status: 204 });
  assert.deepEqual(operationResult(context, { ...running, status: 'Succeeded' }, ok({ a: 1 })), ok({ a: 1 }));
  const failed: OperationRecord = {
    ...running,
    status: 'Failed',
    error: { code: 'SnapshotFailed', message: 'No space.' },
  };
  assert.throws(
    () => operationResult(context, failed),
    (error) => isCoded(error, 'Conflict') && error.details[0]?.code === 'SnapshotFailed',
  );
});

test('an operation is found in its own scope only, and ends once', async () => {
  const store = new MemoryOperationStore();
  await store.create(running);
  assert.equal(await store.find('/other', 'o1'), undefined);
  await store.finish('o1', { status: 'Succeeded', endTime: 1 });
  await store.finish('o1', { status: 'Failed', endTime: 2 });
  assert.equal((await store.find('/s', 'o1'))?.status, 'Succeeded');
});
