import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Extent } from '../lib/extent.ts';
import { TurnedClock } from '../lib/turnedClock.ts';
import { FakeHost } from './fakeHost.ts';
import { machineContract } from './machine.contract.ts';

const REF = { resourceGroup: 'shop', name: 'web-1' };
const CELL = 65536;

const openBench = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sr-fake-'));
  const host = new FakeHost({ folder, clock: new TurnedClock() });
  const disks = [
    { lun: -1, name: 'os', sizeBytes: 4 * CELL },
    { lun: 0, name: 'data', sizeBytes: 8 * CELL + 100 },
  ];
  await host.addMachine({ ...REF, disks });
  await host.write(REF, 0, 10, Buffer.from('content'));
  await host.write(REF, 0, 8 * CELL, Buffer.from('tail'));
  return { host, ref: REF, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
};

machineContract('fake', openBench);

const extentsSince = async (
  host: FakeHost,
  id: string,
  baseId: string,
): Promise<{ kind: string; extents: Extent[] }> => {
  await using disk = await host.openDisk(REF, id, 0);
  const changes = await disk.changedSince(baseId);
  return { kind: changes.kind, extents: await Array.fromAsync(changes.extents) };
};

test('changes since a snapshot are what was written after it, zeros as zeros', async () => {
  await using bench = await openBench();
  const { host } = bench;
  await host.snapshot(REF, { id: 's1' });
  await host.write(REF, 0, 2 * CELL, Buffer.alloc(CELL));
  await host.write(REF, 0, 3 * CELL - 1, Buffer.from('xy'));
  await host.write(REF, 0, 5 * CELL, Buffer.alloc(CELL));
  const second = await host.snapshot(REF, { id: 's2' });
  await host.write(REF, 0, 7 * CELL, Buffer.from('later'));
  assert.equal(second.disks[1]?.taken.kind, 'incremental');
  assert.deepEqual(await extentsSince(host, 's2', 's1'), {
    kind: 'changed',
    extents: [
      { kind: 'data', offset: 2 * CELL, length: 2 * CELL },
      { kind: 'zero', offset: 5 * CELL, length: CELL },
    ],
  });
});

test('from a base that was taken later nothing can be counted', async () => {
  await using bench = await openBench();
  const { host } = bench;
  await host.snapshot(REF, { id: 's1' });
  await host.write(REF, 0, 2 * CELL, Buffer.from('between'));
  await host.snapshot(REF, { id: 's2' });
  assert.equal((await extentsSince(host, 's1', 's2')).kind, 'whole');
});

test('lost tracking and a resize lead back to the whole disk', async () => {
  await using bench = await openBench();
  const { host } = bench;
  await host.snapshot(REF, { id: 's1' });
  host.dropTracking(REF, 0);
  assert.deepEqual((await host.snapshot(REF, { id: 's2' })).disks[1]?.taken, {
    kind: 'whole',
    why: 'change tracking was lost since the base',
  });
  assert.equal((await extentsSince(host, 's2', 's1')).kind, 'whole');
  await host.resize(REF, 0, 16 * CELL);
  assert.deepEqual((await host.snapshot(REF, { id: 's3' })).disks[1]?.taken, {
    kind: 'whole',
    why: 'the disk has another size than the base',
  });
});

test('scripted faults hit once, holds wait for release or cancellation', async () => {
  await using bench = await openBench();
  const { host } = bench;
  const fault = new Error('prepared');
  host.faults.failNext('openDisk', fault);
  await host.snapshot(REF, { id: 's1' });
  await assert.rejects(host.openDisk(REF, 's1', 0), (error) => error === fault);
  await using disk = await host.openDisk(REF, 's1', 0);
  assert.equal(host.openDisks, 1);
  await disk[Symbol.asyncDispose]();
  assert.equal(host.openDisks, 0);

  const abort = new AbortController();
  const held = host.faults.hold('snapshot');
  const snapshot = host.snapshot(REF, { id: 's2', signal: abort.signal });
  await held.arrived;
  abort.abort(fault);
  await assert.rejects(snapshot, (error) => error === fault);
  assert.deepEqual(host.faults.unhit, []);
});

test('an agent that fails makes the point crash-consistent and says why', async () => {
  await using bench = await openBench();
  bench.host.agentFault = 'the guest agent did not answer';
  const snapshot = await bench.host.snapshot(REF, { id: 's1' });
  assert.equal(snapshot.consistency, 'crash');
  assert.equal(snapshot.consistencyReason, 'the guest agent did not answer');
});
