import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { SoakRig } from './soakRig.ts';

export interface ChildOptions {
  readonly seed: number;
  /** A program and its arguments that run the child, as strace does. */
  readonly under?: readonly string[];
  /** One backup of each machine, then it ends; otherwise it goes on until it is killed. */
  readonly isOnce?: boolean;
}

/** A real server process on a rig's files; what it tells is remembered by the rig. */
export class SoakChild {
  readonly process: ChildProcess;
  /** It runs jobs. */
  readonly ready: Promise<void>;
  /** Exit code, null when it was killed; all it told has been heard. */
  readonly ended: Promise<number | null>;
  /** No later process may live before this time, ms. */
  now: number;

  constructor(rig: SoakRig, { seed, under = [], isOnce = false }: ChildOptions) {
    const { folder, clock, recorder } = rig;
    this.now = clock.now();
    const script = join(import.meta.dirname, 'child.ts');
    const own = [
      '--folder',
      folder,
      '--now',
      String(clock.now()),
      '--seed',
      String(seed),
      ...(isOnce ? ['--once'] : []),
    ];
    const [program, ...args] = [...under, process.execPath, script, ...own] as [string, ...string[]];
    // fsyncs of one process are made by one thread and by SQLite's, so that they can be counted
    const env = { ...process.env, ...(isOnce && { UV_THREADPOOL_SIZE: '1' }) };
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', isOnce ? 'ignore' : 'inherit'], env });
    this.process = child;
    const ready = Promise.withResolvers<void>();
    this.ready = ready.promise;
    const lines = createInterface({ input: child.stdout! });
    lines.on('line', (line) => {
      const told = JSON.parse(line) as Told;
      if (told.now !== undefined) this.now = told.now;
      if (told.snapshotId !== undefined) recorder.learn(told.snapshotId, new Map(told.hashes));
      if (told.isReady) ready.resolve();
    });
    const heard = once(lines, 'close');
    this.ended = once(child, 'exit').then(async ([code]) => {
      await heard;
      return code as number | null;
    });
  }
}

interface Told {
  readonly now?: number;
  readonly snapshotId?: string;
  readonly hashes?: readonly (readonly [number, string])[];
  readonly isReady?: true;
}
