import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../lib/clock.ts';
import { openRunFolder } from './runFolder.ts';

const GONE_MS = 5_000;
const POLL_MS = 20;

const pathOf = (tool: string): string | undefined =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, tool))
    .find((path) => existsSync(path));

const skip = ['qemu-img', 'qemu-nbd'].every(pathOf) ? false : 'QEMU is not installed';

/** Opens an export, prints its socket, and stays. */
const READER = `
  import { openNbdExport } from ${JSON.stringify(join(import.meta.dirname, 'nbdExport.ts'))};
  const [image, folder] = process.argv.slice(1);
  const served = await openNbdExport(image, 'qcow2', folder);
  process.stdout.write(served.socketPath + '\\n');
  process.stdin.resume();
`;

const within = async (limitMs: number, what: string, check: () => boolean): Promise<void> => {
  const until = performance.now() + limitMs;
  while (!check()) {
    assert.ok(performance.now() < until, `not within ${limitMs} ms: ${what}`);
    await systemClock.sleep(POLL_MS);
  }
};

/** Processes whose command line names the path; a zombie has none. */
const processesWith = (path: string): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(path);
      } catch {
        return false;
      }
    });

const openBench = () => {
  const root = mkdtempSync(join(tmpdir(), 'sr-nbd-'));
  const image = join(root, 'disk.qcow2');
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', image, '16M']);
  const children: ChildProcess[] = [];
  return {
    root,
    image,
    run(command: string, args: readonly string[], path = process.env.PATH): ChildProcess {
      const env = { ...process.env, PATH: path };
      const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env });
      children.push(child);
      return child;
    },
    [Symbol.dispose]() {
      for (const child of children) child.kill('SIGKILL');
      for (const pid of processesWith(root)) process.kill(pid, 'SIGKILL');
      rmSync(root, { recursive: true, force: true });
    },
  };
};

const firstLine = (child: ChildProcess): Promise<string> =>
  new Promise((resolve) => child.stdout!.once('data', (bytes) => resolve(String(bytes).trim())));

const exitOf = (child: ChildProcess) => new Promise<void>((resolve) => child.once('exit', () => resolve()));

for (const [title, withSetpriv, halfGreeted] of [
  ['a process that is killed', true, false],
  ['a process that is killed, with another reader that has not greeted', true, true],
  ['a process that is killed where setpriv is not installed', false, false],
] as const) {
  test(`${title} leaves no export`, { skip }, async () => {
    using bench = openBench();
    const tools = join(bench.root, 'tools');
    mkdirSync(tools);
    symlinkSync(pathOf('qemu-nbd')!, join(tools, 'qemu-nbd'));
    const args = ['--input-type=module', '-e', READER, bench.image, bench.root];
    const reader = bench.run(process.execPath, args, withSetpriv ? process.env.PATH : tools);
    const socketPath = await firstLine(reader);
    const servers = processesWith(`--socket=${socketPath}`);
    assert.equal(servers.length, 1);
    if (halfGreeted) {
      const other = connect(socketPath).on('error', () => {});
      await new Promise((resolve) => other.once('data', resolve));
    }
    const exited = exitOf(reader);
    reader.kill('SIGKILL');
    await exited;
    await within(GONE_MS, 'the export is gone', () => processesWith(`--socket=${socketPath}`).length === 0);
  });
}

test('an export that a dead process left without a reader ends when its host is opened again', { skip }, async () => {
  using bench = openBench();
  const folder = await openRunFolder(bench.root);
  const dead = bench.run('true', []);
  await exitOf(dead);
  const socketPath = join(folder, `${dead.pid}-abcdef.nbd`);
  const left = bench.run('qemu-nbd', ['--read-only', '-f', 'qcow2', `--socket=${socketPath}`, bench.image]);
  const exited = exitOf(left);
  await within(GONE_MS, 'the export is served', () => existsSync(socketPath));
  await openRunFolder(bench.root);
  assert.ok(!existsSync(socketPath));
  await within(GONE_MS, 'the export is gone', () => processesWith(`--socket=${socketPath}`).length === 0);
  await exited;
});
