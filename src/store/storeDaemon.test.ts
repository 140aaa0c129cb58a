import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Clock } from '../lib/clock.ts';
import { isCoded } from '../lib/error.ts';
import { TurnedClock } from '../lib/turnedClock.ts';
import { describeDaemon } from './describeDaemon.ts';
import { openBackend } from './openBackend.ts';
import { type StoreDaemon, type StoreDaemonOptions, startStoreDaemon } from './storeDaemon.ts';
import { newFolder, removeProtected } from './testing/daemonProcess.ts';

const DAY = 86_400_000;
const lock = { mode: 'governance', landingDays: 7 } as const;
const BYTES = new Uint8Array([1, 2, 3]);

let folder: string;
let count = 0;
before(async () => {
  folder = await newFolder();
});
after(() => removeProtected(folder));

/** A daemon on a machine whose clock and uptime are turned. */
class DaemonRig {
  readonly clock = new TurnedClock();
  readonly reports: string[] = [];
  readonly socket = join(folder, `${++count}.sock`);
  readonly reaperSocket = join(folder, `${count}r.sock`);
  readonly root = join(folder, `root-${count}`);
  readonly #startedAt = this.clock.now();
  /** What somebody moved the machine's clock by. */
  movedMs = 0;

  start(options: Partial<StoreDaemonOptions> = {}): Promise<StoreDaemon> {
    const { root, socket, reaperSocket } = this;
    const clock: Clock = {
      now: () => this.clock.now() + this.movedMs,
      sleep: (delayMs, signal) => this.clock.sleep(delayMs, signal),
    };
    return startStoreDaemon({
      ...{ root, socket, reaperSocket, clock, landingDays: 7, maxLockDays: 9999, mode: 'governance' },
      uptime: () => ({ bootId: 'boot', elapsedMs: this.clock.now() - this.#startedAt }),
      report: ({ message }) => this.reports.push(message),
      ...options,
    });
  }

  pass(days: number): Promise<void> {
    return this.clock.turn(days * DAY);
  }

  worker = () => openBackend({ kind: 'daemon', socket: this.socket, store: 's1', lock });
  reaper = () => openBackend({ kind: 'daemon', socket: this.reaperSocket, store: 's1', lock });
}

test('what was locked is deleted when its lock has ended, not a moment before', async () => {
  const rig = new DaemonRig();
  await using _daemon = await rig.start();
  await rig.worker().put('p/aa/x', BYTES);
  await rig.worker().lock!.extend('p/aa/x', rig.clock.now() + 10 * DAY);
  await rig.pass(9.99);
  await assert.rejects(rig.reaper().delete('p/aa/x'), (error) => isCoded(error, 'StoreObjectLocked'));
  await rig.pass(0.02);
  await assert.rejects(rig.worker().delete('p/aa/x'), (error) => isCoded(error, 'DaemonRefused'));
  await rig.reaper().delete('p/aa/x');
  assert.equal(await rig.worker().head('p/aa/x'), undefined);
  assert.equal(await rig.worker().put('p/aa/x', BYTES), 'created');
  assert.equal(await rig.worker().lock!.retainedUntil('p/aa/x'), rig.clock.now() + 7 * DAY);
});

test('a clock that is moved deletes nothing, over restarts neither, until an operator confirms it', async () => {
  const rig = new DaemonRig();
  {
    await using _daemon = await rig.start();
    await rig.worker().put('p/aa/x', BYTES);
    rig.movedMs = 4000 * DAY;
    await rig.pass(0.1);
    await assert.rejects(rig.reaper().delete('p/aa/x'), (error) => isCoded(error, 'StoreObjectLocked'));
    assert.ok((await describeDaemon(rig.socket)).heldBackMs > 3999 * DAY);
  }
  assert.match(rig.reports.join(), /clock is \d+ minutes ahead/);
  {
    await using _daemon = await rig.start();
    await assert.rejects(rig.reaper().delete('p/aa/x'), (error) => isCoded(error, 'StoreObjectLocked'));
  }
  await using _daemon = await rig.start({ confirmClock: true });
  await rig.reaper().delete('p/aa/x');
});

test('locks outlive a restart, and without their table the daemon does not start', async () => {
  const rig = new DaemonRig();
  {
    await using _daemon = await rig.start();
    await rig.worker().put('p/aa/x', BYTES);
    await rig.worker().lock!.extend('p/aa/x', rig.clock.now() + 60 * DAY);
  }
  {
    await using _daemon = await rig.start({ landingDays: 1 });
    assert.equal(await rig.worker().lock!.retainedUntil('p/aa/x'), rig.clock.now() + 60 * DAY);
  }
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(rig.root, `locks.sqlite${suffix}`), { force: true });
  await assert.rejects(
    rig.start(),
    (error) => isCoded(error, 'DaemonRefused') && /adopt-days/.test(error.recommendations[1]!),
  );
  await using _daemon = await rig.start({ adoptDays: 20 });
  await rig.pass(19);
  await assert.rejects(rig.reaper().delete('p/aa/x'), (error) => isCoded(error, 'StoreObjectLocked'));
  await rig.pass(8);
  await rig.reaper().delete('p/aa/x');
});

test('one daemon serves a folder, which belongs to it alone', async () => {
  const rig = new DaemonRig();
  await using _daemon = await rig.start();
  const other = { socket: join(folder, 'other.sock'), reaperSocket: join(folder, 'otherr.sock') };
  await assert.rejects(
    rig.start(other),
    (error) => isCoded(error, 'StorePlaceUnsuitable') && /locked/.test(error.message),
  );
  await assert.rejects(rig.start({ root: join(folder, 'elsewhere') }), /another process listens there/);
  const open = new DaemonRig();
  await (await open.start())[Symbol.asyncDispose]();
  chmodSync(open.root, 0o770);
  await assert.rejects(open.start(), (error) => isCoded(error, 'StorePlaceUnsuitable'));
  chmodSync(open.root, 0o700);
  writeFileSync(open.socket, '');
  await assert.rejects(open.start(), /something else is there/);
});

test('sockets are closed to others, objects to all but the daemon', async () => {
  const rig = new DaemonRig();
  await using _daemon = await rig.start({ groupId: 65_533, reaperGroupId: 65_533 });
  await rig.worker().put('p/aa/x', BYTES);
  for (const path of [rig.socket, rig.reaperSocket]) {
    const { mode, gid } = statSync(path);
    assert.deepEqual([mode & 0o777, gid], [0o660, process.getuid!() === 0 ? 65_533 : gid]);
  }
  assert.equal(statSync(join(rig.root, 'stores/s1/p/aa/x')).mode & 0o777, 0o600);
  assert.equal(statSync(rig.root).mode & 0o777, 0o700);
});

const canFlag = process.getuid?.() === 0;
test('files become immutable, and what an earlier run did not come to as well', {
  skip: !canFlag && 'needs root',
}, async (t) => {
  const rig = new DaemonRig();
  const path = join(rig.root, 'stores/s1/p/aa/x');
  {
    await using daemon = await rig.start();
    if (daemon.describe().immutableFlag !== 'set') return t.skip(daemon.describe().immutableFlag);
    await rig.worker().put('p/aa/x', BYTES);
  }
  assert.throws(() => rmSync(path), { code: 'EPERM' });
  execFileSync('chattr', ['-i', path]);
  rmSync(join(rig.root, 'locks.sqlite'));
  {
    await using _daemon = await rig.start({ adoptDays: 1, mode: 'compliance' });
    await rig.worker().lock!.retainedUntil('p/aa/x');
  }
  {
    await using _daemon = await rig.start({ mode: 'compliance' });
  }
  assert.throws(() => rmSync(path), { code: 'EPERM' });
  await using _daemon = await rig.start();
  await rig.pass(8);
  await rig.reaper().delete('p/aa/x');
  assert.equal(existsSync(path), false);
});

/** A request as no client of ours would send it; status and body. */
const raw = (socketPath: string, method: string, path: string, headers = {}, body: string | Uint8Array = '') =>
  new Promise<{ status: number; text: string }>((resolve, reject) => {
    const sending = httpRequest({ socketPath, method, path, headers, agent: false }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => (text += chunk)).on('end', () => resolve({ status: answer.statusCode!, text }));
    });
    sending.on('error', reject).end(body);
  });

test('bad requests are refused with a reason and change nothing', async () => {
  const rig = new DaemonRig();
  await using _daemon = await rig.start();
  await rig.worker().put('fmt', BYTES);
  const length = { 'content-length': '3' };
  const hash = createHash('sha256').update('other').digest('hex');
  for (const [status, method, path, headers, body] of [
    [400, 'PUT', '/objects/s1/../../locks.sqlite', length, 'abc'],
    [400, 'PUT', '/objects/s1/%2e%2e/x', length, 'abc'],
    [400, 'PUT', '/objects/s1/.tmp/x', length, 'abc'],
    [400, 'PUT', '/objects/../x', length, 'abc'],
    [400, 'PUT', '/objects/s1//etc/passwd', length, 'abc'],
    [400, 'PUT', '/objects/s1/', length, 'abc'],
    [400, 'GET', `/objects/s1/${'a'.repeat(600)}`, {}, ''],
    [400, 'PUT', '/objects/s1/x', { 'transfer-encoding': 'chunked' }, 'abc'],
    [413, 'PUT', '/objects/s1/x', { 'content-length': String(2 ** 26 + 1) }, ''],
    [400, 'PUT', '/objects/s1/x', { ...length, 'strongroom-landing-days': '-1' }, 'abc'],
    [500, 'PUT', `/objects/s1/ck/1.${hash}`, length, 'abc'],
    [400, 'GET', '/objects/s1/fmt', { 'strongroom-range': 'bytes=0-1' }, ''],
    [500, 'GET', '/objects/s1/fmt', { 'strongroom-range': '0+999999999999' }, ''],
    [500, 'GET', '/objects/s1/gone', {}, ''],
    [400, 'PUT', '/locks/s1/fmt', length, '-1 '],
    [400, 'PUT', '/locks/s1/fmt', length, '1e9'],
    [403, 'POST', '/objects/s1/fmt', length, 'abc'],
    [403, 'DELETE', '/locks/s1/fmt', {}, ''],
    [409, 'DELETE', '/objects/s1/fmt', {}, ''],
    [400, 'GET', '/', {}, ''],
  ] as const) {
    const answer = await raw(rig.socket, method, path, headers, body);
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
    assert.ok(JSON.parse(answer.text).message.length > 10);
  }
  assert.deepEqual(
    rig.reports.filter((line) => line.includes('defect')),
    [],
  );
  const names: string[] = [];
  for await (const { name } of rig.worker().list('')) names.push(name);
  assert.deepEqual(names, ['fmt']);
});

test('a body that breaks off leaves nothing', async () => {
  const rig = new DaemonRig();
  await using _daemon = await rig.start();
  const connection = connect(rig.socket);
  connection.write('PUT /objects/s1/half HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nabc');
  await new Promise((resolve) => connection.once('connect', resolve));
  connection.destroy();
  await rig.worker().put('fmt', BYTES);
  assert.equal(await rig.worker().head('half'), undefined);
});

test('a link in the place of a socket or an object is not followed', async () => {
  const rig = new DaemonRig();
  symlinkSync('/etc/passwd', rig.socket);
  await assert.rejects(rig.start(), /something else is there/);
  rmSync(rig.socket);
  await using _daemon = await rig.start();
  await rig.worker().put('p/aa/x', BYTES);
  symlinkSync('/etc/passwd', join(rig.root, 'stores/s1/p/aa/link'));
  await assert.rejects(rig.worker().get('p/aa/link'), (error) => isCoded(error, 'StoreIoFailed'));
});
