import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Stands before the daemon's own command line: another user, other rights. */
export type Launcher = readonly string[];

/** A store daemon as it is run: `strongroom store serve` in a process of its own. */
export class DaemonProcess implements AsyncDisposable {
  readonly root: string;
  readonly socket: string;
  readonly reaperSocket: string;
  /** What it said on stderr. */
  readonly lines: string[] = [];
  #child: ChildProcess | undefined;

  constructor(folder: string) {
    this.root = join(folder, 'root');
    this.socket = join(folder, 'store.sock');
    this.reaperSocket = join(folder, 'reaper.sock');
  }

  /** Resolves when it listens. Errors: what it said, when it ended before. */
  async start(options: readonly string[] = [], launcher: Launcher = []): Promise<void> {
    const serve = ['src/cli/main.ts', 'store', 'serve', '--root', this.root, '--socket', this.socket];
    const words = [...launcher, process.execPath, ...serve, '--reaper-socket', this.reaperSocket, ...options];
    const child = spawn(words[0]!, words.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    const lines = createInterface({ input: child.stderr });
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`the store daemon ended with ${code}: ${this.lines.join('\n')}`);
    });
    const listening = new Promise<void>((resolve) => {
      lines.on('line', (line) => {
        this.lines.push(line);
        if (line.includes('listens on')) resolve();
      });
    });
    await Promise.race([listening, ended]);
    ended.catch(() => {}); // it ends some day
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill('SIGTERM');
  }
}

/** A folder of a test; `removeProtected` takes it away. */
export const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'strongroom-daemon-'));

/** Removes a folder whose files may be immutable. */
export const removeProtected = async (folder: string): Promise<void> => {
  await run('chattr', ['-R', '-f', '-i', folder]).catch(() => {}); // no file of it may carry the flag
  await rm(folder, { recursive: true, force: true });
};
