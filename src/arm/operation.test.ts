import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoded } from '../lib/error.ts';
import { type OperationRecord, operationResult, operationStatus } from './operation.ts';
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
  const { body, headers } = operationStatus(context, done);
  assert.partialDeepStrictEqual(body, { endTime: '2026-01-05T08:00:01.000Z', properties: { jobId: 'j' } });
  assert.equal(headers, undefined);
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
