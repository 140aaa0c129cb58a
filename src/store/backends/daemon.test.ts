import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { systemClock } from '../../lib/clock.ts';
import { isCoded } from '../../lib/error.ts';
import type { Backend } from '../backend.ts';
import { openBackend } from '../openBackend.ts';
import { newStore } from '../testing/backup.ts';
import { DaemonProcess, newFolder, removeProtected } from '../testing/daemonProcess.ts';
import { backendContract, listed } from './backend.contract.ts';
import { lockContract } from './lock.contract.ts';

/** Locks nothing at a put, so that the contract's deletes are answered. */
let open: DaemonProcess;
/** As it is meant to be run. */
let locking: DaemonProcess;
const folders: string[] = [];

before(async () => {
  folders.push(await newFolder(), await newFolder());
  open = new DaemonProcess(folders[0]!);
  locking = new DaemonProcess(folders[1]!);
  await Promise.all([open.start(['--landing-days', '0']), locking.start()]);
});
after(async () => {
  await open[Symbol.asyncDispose]();
  await locking[Symbol.asyncDispose]();
  for (const folder of folders) await removeProtected(folder);
});

backendContract('store daemon', async () =>
  openBackend({ kind: 'daemon', socket: open.reaperSocket, store: `contract-${randomUUID()}` }),
);

const lock = { mode: 'governance', landingDays: 7 } as const;
const newStoreOf = (socket: string): Backend => openBackend({ kind: 'daemon', socket, store: randomUUID(), lock });
const DAY_MS = 86_400_000;

lockContract('store daemon', async () => newStoreOf(locking.reaperSocket), systemClock.now);

test('every put is locked at once, and neither socket deletes what is locked', async () => {
  const store = randomUUID();
  const worker = openBackend({ kind: 'daemon', socket: locking.socket, store, lock });
  const reaper = openBackend({ kind: 'daemon', socket: locking.reaperSocket, store, lock });
  const putAt = systemClock.now();
  await worker.put('p/ab/one', new Uint8Array(10));
  const until = (await worker.lock!.retainedUntil('p/ab/one'))!;
  assert.ok(until >= putAt + 7 * DAY_MS - 1000 && until <= putAt + 8 * DAY_MS, String(until));
  for (const backend of [worker, reaper])
    await assert.rejects(backend.delete('p/ab/one'), (error) => isCoded(error, 'StoreObjectLocked'));
  await worker.lock!.extend('p/ab/one', until + 30 * DAY_MS);
  await worker.lock!.extend('p/ab/one', until);
  assert.equal(await reaper.lock!.retainedUntil('p/ab/one'), until + 30 * DAY_MS, 'a lock is never shortened');
  await assert.rejects(worker.lock!.extend('p/ab/two', until), (error) => isCoded(error, 'StoreObjectMissing'));
  await assert.rejects(worker.lock!.retainedUntil('p/ab/two'), (error) => isCoded(error, 'StoreObjectMissing'));
  await assert.rejects(worker.lock!.extend('p/ab/one', 1e15 - 1), /at most/);
});

test("a worker's socket deletes nothing, not even what no lock keeps", async () => {
  const worker = openBackend({ kind: 'daemon', socket: open.socket, store: 's1' });
  await worker.put('gc/1', new Uint8Array(0));
  await assert.rejects(worker.delete('gc/1'), (error) => isCoded(error, 'DaemonRefused'));
  assert.deepEqual(await worker.head('gc/1'), { sizeBytes: 0 });
});

test('a store is made, and its objects stay apart from those of another', async () => {
  const [one, other] = [newStoreOf(locking.socket), newStoreOf(locking.socket)];
  await newStore(one);
  const folders = new Set((await listed(one, '')).map(({ name }) => name.split('/')[0]));
  assert.deepEqual([...folders], ['fmt', 'keys', 'probe']);
  assert.equal((await listed(other, '')).length, 0);
});

test('a put that is cancelled ends with the reason of the cancel', async () => {
  const stop = new AbortController();
  const putting = newStoreOf(open.socket).put('p/ab/big', new Uint8Array(32 * 2 ** 20), stop.signal);
  stop.abort(new Error('the job was cancelled'));
  await assert.rejects(putting, /the job was cancelled/);
});

test('a daemon that is not there is an error of the storage, which a job tries again', async () => {
  const nobody = openBackend({ kind: 'daemon', socket: `${folders[0]}/nobody.sock`, store: 's1' });
  await assert.rejects(
    nobody.get('fmt'),
    (error) => isCoded(error, 'StoreIoFailed') && /runs/.test(error.recommendations[0]!),
  );
  await assert.rejects(listed(nobody, ''), (error) => isCoded(error, 'StoreIoFailed'));
  assert.throws(() => openBackend({ kind: 'daemon', socket: '/x', store: '../y' }), /1 to 64/);
});
