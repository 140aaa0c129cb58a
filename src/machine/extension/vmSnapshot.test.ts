import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { systemClock } from '../../lib/clock.ts';
import { readAnswer } from './answer.ts';
import { EXTENSION_VERSION } from './program.ts';

const PROGRAM = join(import.meta.dirname, 'vm-snapshot.sh');
const SHELLS = [['dash'], ['busybox', 'sh'], ['bash', '--posix']].filter(
  ([shell]) => spawnSync(shell!, ['-c', ':']).error === undefined,
);
const run = promisify(execFile);

/** The program as it stands in a machine, with its folders elsewhere. */
class Guest implements AsyncDisposable {
  readonly folder: string;
  readonly #shell: readonly string[];

  private constructor(folder: string, shell: readonly string[]) {
    this.folder = folder;
    this.#shell = shell;
  }

  static async open(shell: readonly string[] = ['sh']): Promise<Guest> {
    const guest = new Guest(await mkdtemp(join(tmpdir(), 'sr-guest-')), shell);
    await mkdir(guest.at('etc'));
    await guest.script('pre', 'printf "pre"; printf " <%s>" "$@"; echo');
    await guest.script('post', 'printf "post"; printf " <%s>" "$@"; echo');
    return guest;
  }

  at = (name: string): string => join(this.folder, name);

  /** What it prints is kept in `order`. */
  async script(name: string, body: string, mode = 0o700): Promise<void> {
    await writeFile(this.at(name), `#!/bin/sh\nexec >>${this.at('order')}\n${body}\n`);
    await chmod(this.at(name), mode);
  }

  async call(...args: string[]): Promise<ReadonlyMap<string, string>> {
    const [command = 'sh', ...rest] = this.#shell;
    const uid = String(process.getuid?.() ?? 0);
    const folders = { RUNS: this.at('runs'), CONFIG: this.at('etc'), LOG: this.at('log/vm'), OWNER: uid };
    const env = Object.fromEntries(Object.entries(folders).map(([name, value]) => [`STRONGROOM_${name}`, value]));
    return readAnswer((await run(command, [...rest, PROGRAM, ...args], { env: { ...process.env, ...env } })).stdout);
  }

  /** GRACE, TIMEOUT and tries after the first of either script, then parameters. */
  begin(
    run: string,
    [grace, timeout, pre, post]: readonly number[],
    preParams: string[] = [],
    postParams: string[] = [],
  ) {
    const numbers = [grace, timeout, pre, post].map(String);
    const count = String(preParams.length);
    return this.call('begin', run, ...numbers, this.at('pre'), this.at('post'), count, ...preParams, ...postParams);
  }

  async order(): Promise<string[]> {
    return (await readFile(this.at('order'), 'utf8').catch(() => '')).split('\n').slice(0, -1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

const USUAL = [60, 20, 0, 0];
const resultOf = (answer: ReadonlyMap<string, string>) => answer.get('result');

const eventually = async (what: string, check: () => Promise<boolean>): Promise<void> => {
  for (let tries = 0; tries < 300; tries++) {
    if (await check()) return;
    await systemClock.sleep(20);
  }
  assert.fail(`did not come: ${what}`);
};

for (const shell of SHELLS)
  test(`in ${shell.join(' ')}: scripts run once each, with their parameters as they are`, async () => {
    await using guest = await Guest.open(shell);
    assert.equal((await guest.call('version')).get('version'), EXTENSION_VERSION);
    const odd = ["it's", '$HOME `id`', '', '"a\\b"', '-n', '* ?', 'ü %s'];
    assert.equal(resultOf(await guest.begin('r1', USUAL, odd, ['last', ...odd])), 'ok');
    assert.equal(resultOf(await guest.call('end', 'r1')), 'ok');
    assert.equal(resultOf(await guest.call('end', 'r1')), 'ok', 'asked again it tells again');
    const shown = odd.map((word) => ` <${word}>`).join('');
    assert.deepEqual(await guest.order(), [`pre${shown}`, `post <last>${shown}`]);
  });

test('nobody asks: the post script runs by itself', async () => {
  await using guest = await Guest.open();
  await guest.begin('r1', [0, 20, 0, 0]);
  await eventually('the post script', async () => (await guest.order()).length === 2);
  assert.deepEqual(await guest.order(), ['pre <>', 'post <>']);
  await eventually('its result', async () => resultOf(await guest.call('end', 'r1')) === 'ok');
  assert.equal((await guest.order()).length, 2, 'and not again');
});

test('given up while the pre script runs: the post script follows it', async () => {
  await using guest = await Guest.open();
  await guest.script('pre', `echo begun; while [ ! -e ${guest.at('go')} ]; do sleep 0.02; done; echo done`);
  const begun = guest.begin('r1', USUAL);
  await eventually('the pre script', async () => (await guest.order()).includes('begun'));
  assert.equal(resultOf(await guest.call('end', 'r1')), 'pending');
  assert.equal(resultOf(await guest.begin('r2', USUAL)), 'busy', 'another run waits for it');
  await writeFile(guest.at('go'), '');
  assert.equal(resultOf(await begun), 'ok');
  await eventually('the post script', async () => (await guest.order()).includes('post <>'));
  assert.deepEqual(await guest.order(), ['begun', 'done', 'post <>']);
});

test('what an earlier run left is ended before the next begins', async () => {
  await using guest = await Guest.open();
  await guest.begin('r1', USUAL, [], ['first']);
  await guest.begin('r2', USUAL, ['second'], ['second']);
  await guest.call('end', 'r2');
  assert.deepEqual(await guest.order(), ['pre <>', 'post <first>', 'pre <second>', 'post <second>']);
  assert.equal(resultOf(await guest.call('end', 'r1')), 'lost');
});

test('a script that fails is tried again as often as it may; a warning is no failure', async () => {
  await using guest = await Guest.open();
  await guest.script('pre', 'echo pre; exit 3');
  const failed = await guest.begin('r1', [60, 20, 2, 0]);
  assert.deepEqual([resultOf(failed), failed.get('exit'), failed.get('attempts')], ['failed', '3', '3']);
  await guest.script('post', 'echo post; exit 2');
  assert.equal(resultOf(await guest.call('end', 'r1')), 'ok');
  assert.deepEqual(await guest.order(), ['pre', 'pre', 'pre', 'post']);
});

test('a script that hangs is ended and not tried again', async () => {
  await using guest = await Guest.open();
  await guest.script('pre', 'echo pre; exec sleep 100');
  assert.equal(resultOf(await guest.begin('r1', [60, 1, 5, 0])), 'timeout');
  assert.deepEqual(await guest.order(), ['pre']);
});

test('a script without a first line or the right to be executed is run by the shell', async () => {
  await using guest = await Guest.open();
  await writeFile(guest.at('pre'), `echo plain >>${guest.at('order')}\n`);
  await chmod(guest.at('pre'), 0o600);
  assert.equal(resultOf(await guest.begin('r1', USUAL)), 'ok');
  assert.deepEqual(await guest.order(), ['plain']);
});

test('what others may write, and what is not there, is not run', async () => {
  await using guest = await Guest.open();
  for (const mode of [0o755, 0o740, 0o702]) {
    await chmod(guest.at('post'), mode);
    const answer = await guest.begin('r1', USUAL);
    assert.deepEqual([answer.get('which'), answer.get('result')], ['post', 'permission']);
    assert.equal(answer.get('mode'), mode.toString(8));
  }
  await rm(guest.at('pre'));
  const answer = await guest.begin('r1', USUAL);
  assert.deepEqual([answer.get('which'), answer.get('result')], ['pre', 'not-found']);
  assert.deepEqual(await guest.order(), [], 'nothing was begun');
  assert.equal(resultOf(await guest.call('end', 'r1')), 'lost');
});

test('it tells what is configured, with owner and mode', async () => {
  await using guest = await Guest.open();
  assert.deepEqual([...(await guest.call('inspect')).keys()], ['version']);
  await writeFile(guest.at('etc/VMSnapshotScriptPluginConfig.json'), '{"a":"=\n"}', { mode: 0o600 });
  await writeFile(guest.at('etc/vmbackup.conf'), 'x'.repeat(100_000), { mode: 0o644 });
  const told = await guest.call('inspect');
  assert.equal(told.get('config'), `${process.getuid?.() ?? 0} 600`);
  assert.equal(Buffer.from(told.get('configText')!, 'base64').toString(), '{"a":"=\n"}');
  assert.equal(Buffer.from(told.get('backupText')!, 'base64').length, 65_536);
});
