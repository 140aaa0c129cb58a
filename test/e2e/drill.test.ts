import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, chown, mkdir } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { systemClock } from '../../src/lib/clock.ts';
import type { Backend } from '../../src/store/backend.ts';
import { openBackend } from '../../src/store/openBackend.ts';
import { startStoreDaemon } from '../../src/store/storeDaemon.ts';
import { DaemonProcess, newFolder, removeProtected } from '../../src/store/testing/daemonProcess.ts';
import {
  actsOnBackend,
  assertPromised,
  type DestructiveAct,
  type PromisedPoints,
  performActs,
  promisePoints,
  tableOf,
  victimsOf,
} from '../../src/store/testing/destructiveActs.ts';

const run = promisify(execFile);
const LOCK = { mode: 'compliance', landingDays: 7 } as const;
const DAY_MS = 86_400_000;
/** Users of nobody: the daemon's, the worker's, and the group that may open the socket. */
const DAEMON = 64_321;
const WORKER = 64_322;
const GROUP = 64_323;

describe('whoever has the rights of a worker destroys nothing, store daemon', { skip: await whyNot() }, () => {
  let folder: string;
  let daemon: DaemonProcess;
  let points: PromisedPoints;
  let launcher: readonly string[];

  before(async () => {
    folder = await newFolder();
    await chmod(folder, 0o711);
    daemon = new DaemonProcess(join(folder, 'daemon'));
    await mkdir(join(folder, 'daemon'), { mode: 0o755 });
    await chown(join(folder, 'daemon'), DAEMON, DAEMON);
    launcher = [
      ...['setpriv', `--reuid=${DAEMON}`, `--regid=${DAEMON}`, `--groups=${GROUP}`],
      ...['--inh-caps=-all,+linux_immutable', '--ambient-caps=-all,+linux_immutable'],
    ];
    await daemon.start(['--group', String(GROUP), '--mode', 'compliance'], launcher);
    points = await asWorker(() => promisePoints(worker(), systemClock.now()));
    // the files become immutable behind the puts
    await daemon.kill('SIGTERM');
    await daemon.start(['--group', String(GROUP), '--mode', 'compliance'], launcher);
  });
  after(async () => {
    await daemon?.[Symbol.asyncDispose]();
    if (folder) await removeProtected(folder);
  });

  const worker = (): Backend => openBackend({ kind: 'daemon', socket: daemon.socket, store: 'v1', lock: LOCK });
  const reaper = (): Backend => openBackend({ kind: 'daemon', socket: daemon.reaperSocket, store: 'v1', lock: LOCK });
  const isPromised = () => asWorker(() => assertPromised(worker(), points));

  it('30 acts and more, each refused or harmless', async (t) => {
    const now = systemClock.now();
    const acts = [
      ...actsOnBackend(worker(), points, now).map((act) => ({ ...act, run: () => asWorker(act.run) })),
      ...actsOnSocket(),
      ...actsOnFiles(),
      ...actsOnDaemon(),
    ];
    const records = await performActs(acts, isPromised);
    t.diagnostic(`\n${tableOf(records)}`);
    assert.ok(records.length >= 30);
    assert.deepEqual(
      records.filter(({ outcome }) => outcome === 'HARMFUL'),
      [],
    );
    const mustBeRefused = /^(delete|as the worker|with the reaper|DELETE|POST|PATCH)/;
    assert.deepEqual(
      records.filter(({ name, outcome }) => mustBeRefused.test(name) && outcome !== 'refused'),
      [],
    );
  });

  /** Requests that no client of ours sends. */
  function actsOnSocket(): readonly DestructiveAct[] {
    const { dataPack, commit } = victimsOf(points);
    const asked = (method: string, path: string, headers = {}, body = '') => ({
      name: `${method} ${path.replace(dataPack, '<pack>').replace(commit, '<commit>')} ${JSON.stringify(headers)}`,
      run: () => asWorker(() => requested(daemon.socket, method, path, headers, body)),
    });
    const four = { 'content-length': '4' };
    return [
      asked('DELETE', `/objects/v1/${dataPack}`, { 'x-bypass-governance-retention': 'true' }),
      asked('DELETE', '/objects/v1/'),
      asked('DELETE', `/locks/v1/${dataPack}`),
      asked('POST', `/objects/v1/${commit}`, four, 'junk'),
      asked('PATCH', `/objects/v1/${commit}`, { ...four, 'content-range': 'bytes 0-3/4' }, 'junk'),
      asked('PUT', `/locks/v1/${dataPack}`, { 'content-length': '1' }, '0'),
      asked('PUT', '/objects/v1/../v1/fmt', four, 'junk'),
      asked('PUT', '/objects/v1/%2e%2e/locks.sqlite', four, 'junk'),
      asked('PUT', '/objects/v1/x', { 'transfer-encoding': 'chunked' }, 'junk'),
      asked('PUT', '/objects/v1/x', { 'content-length': String(2 ** 40) }),
    ];
  }

  /** The same user at a shell of the daemon's machine. */
  function actsOnFiles(): readonly DestructiveAct[] {
    const { dataPack, commit } = victimsOf(points);
    const path = (name: string) => join(daemon.root, 'stores/v1', name);
    const shell = (program: string, ...words: string[]): DestructiveAct => ({
      name: `as the worker: ${program} ${words.map((word) => word.replace(folder, '').slice(0, 40)).join(' ')}`,
      run: () => run(program, words, { uid: WORKER, gid: GROUP }),
    });
    return [
      shell('rm', '-f', path(dataPack)),
      shell('rm', '-rf', daemon.root),
      shell('rmdir', path('rp')),
      shell('mv', path(commit), `${folder}/stolen`),
      shell('truncate', '-s', '0', path(dataPack)),
      shell('chmod', '-R', '777', daemon.root),
      shell('chown', '-R', String(WORKER), daemon.root),
      shell('ln', '-sf', '/dev/null', path(dataPack)),
      shell('mount', '--bind', '/tmp', daemon.root),
      shell('chattr', '-R', '-i', daemon.root),
      shell('rm', '-f', join(daemon.root, 'locks.sqlite')),
      shell('rm', '-f', daemon.socket),
      shell('kill', '-9', String(daemon.pid)),
      {
        name: "as the worker: open the reaper's socket",
        run: () => asWorker(() => reaper().delete(dataPack)),
      },
    ];
  }

  /** With more than a worker has. */
  function actsOnDaemon(): readonly DestructiveAct[] {
    const { dataPack, commit } = victimsOf(points);
    return [
      { name: 'with the reaper socket: delete a pack', run: () => reaper().delete(dataPack) },
      { name: 'with the reaper socket: delete a commit object', run: () => reaper().delete(commit) },
      {
        name: 'kill the daemon in the middle of a put, and start it again',
        run: async () => {
          const putting = worker()
            .put('p/aa/half', new Uint8Array(48 * 2 ** 20))
            .catch(() => 'cut off');
          await daemon.kill('SIGKILL');
          await putting;
          await daemon.start(['--group', String(GROUP), '--mode', 'compliance'], launcher);
        },
      },
      {
        name: "with the daemon's user, without its right: rm -rf",
        run: () => run('rm', ['-rf', join(daemon.root, 'stores/v1/rp')], { uid: DAEMON, gid: DAEMON }),
      },
      { name: 'with the reaper socket and a clock moved ahead by ten years', run: () => deleteInTenYears(dataPack) },
    ];
  }

  async function deleteInTenYears(name: string): Promise<void> {
    await daemon.kill('SIGTERM');
    try {
      const clock = { ...systemClock, now: () => systemClock.now() + 3653 * DAY_MS };
      const { root, socket, reaperSocket } = daemon;
      const settings = { landingDays: 7, maxLockDays: 9999, mode: 'governance', clock, report: () => {} } as const;
      await asUser(DAEMON, DAEMON, async () => {
        await using _moved = await startStoreDaemon({ root, socket, reaperSocket, ...settings });
        await reaper().delete(name);
      });
    } finally {
      await daemon.start(['--group', String(GROUP), '--mode', 'compliance'], launcher);
    }
  }
});

/** An answer other than 2xx is thrown. */
const requested = (socketPath: string, method: string, path: string, headers: object, body: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const sending = httpRequest({ socketPath, method, path, headers: { ...headers }, agent: false }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => (text += chunk));
      answer.on('end', () =>
        answer.statusCode! < 300 ? resolve(text) : reject(new Error(`${answer.statusCode} ${text}`)),
      );
    });
    sending.on('error', reject).end(body);
  });

const asWorker = <T>(work: () => Promise<T>): Promise<T> => asUser(WORKER, GROUP, work);

/** This process has the user's rights while it works, and root's again afterwards. */
async function asUser<T>(uid: number, gid: number, work: () => Promise<T>): Promise<T> {
  const groups = process.getgroups!();
  process.setgroups!([gid]);
  process.setegid!(gid);
  process.seteuid!(uid);
  try {
    return await work();
  } finally {
    process.seteuid!(0);
    process.setegid!(0);
    process.setgroups!(groups);
  }
}

async function whyNot(): Promise<string | false> {
  if (process.getuid?.() !== 0) return 'needs root: daemon and worker run as users of their own';
  try {
    await run(process.execPath, ['src/cli/main.ts', 'store', 'serve', '--help'], { uid: DAEMON, gid: DAEMON });
    return false;
  } catch {
    return 'needs a checkout that other users may read';
  }
}
