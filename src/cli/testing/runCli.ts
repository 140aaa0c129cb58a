import { stripVTControlCharacters } from 'node:util';
import type { Clock } from '../../lib/clock.ts';
import { run } from '../run.ts';
import type { Terminal } from '../terminal.ts';

/** Time that passes only while somebody waits, and then at once. */
export class EagerClock implements Clock {
  #now = Date.parse('2026-01-05T08:00:00Z');
  /** Called before each wait. */
  onSleep: () => void = () => {};

  now(): number {
    return this.#now;
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    this.onSleep();
    signal?.throwIfAborted();
    this.#now += delayMs;
  }
}

export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  /** Without colours. */
  readonly stderr: string;
  /** What the person was asked. */
  readonly questions: readonly string[];
}

export interface CliWorld {
  readonly clientFile?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
  /** Columns of a terminal; absent: stderr is no terminal. */
  readonly columns?: number;
  readonly answer?: string;
}

/** Runs one command line in this process. */
export async function runCli(world: CliWorld, ...words: string[]): Promise<CliRun> {
  let stdout = '';
  let stderr = '';
  const questions: string[] = [];
  const { answer, columns } = world;
  const ask = async (question: string) => {
    questions.push(question);
    return answer ?? '';
  };
  const terminal: Terminal = {
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text), ...(columns === undefined ? {} : { isTTY: true, columns }) },
    env: { ...(world.clientFile ? { STRONGROOM_CLIENT: world.clientFile } : {}), ...world.env },
    cwd: world.cwd ?? '/nowhere',
    ...(answer === undefined ? {} : { ask }),
  };
  const clock = world.clock ?? new EagerClock();
  const code = await run(words, { terminal, clock, signal: world.signal ?? new AbortController().signal });
  return { code, stdout, stderr: columns === undefined ? stderr : stripVTControlCharacters(stderr), questions };
}
