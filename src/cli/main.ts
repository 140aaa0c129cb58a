import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { systemClock } from '../lib/clock.ts';
import { Interrupted } from './exit.ts';
import { run } from './run.ts';
import type { Terminal } from './terminal.ts';

/** Asks on stderr: stdout belongs to the answer. */
async function ask(question: string, signal: AbortSignal): Promise<string> {
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await reader.question(question, { signal });
  } finally {
    reader.close();
  }
}

/** The line editor writes what is typed to nowhere; only the question is seen. */
async function askHidden(question: string, signal: AbortSignal): Promise<string> {
  process.stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  try {
    return await reader.question('', { signal });
  } finally {
    reader.close();
    process.stderr.write('\n');
  }
}

const terminal: Terminal = {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  ...(process.stdin.isTTY && process.stderr.isTTY ? { ask, askHidden } : {}),
};

const interrupt = new AbortController();
// The second Ctrl-C is not caught: it ends the process at once.
process.once('SIGINT', () => interrupt.abort(new Interrupted()));

// Whoever reads may stop early, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

process.exitCode = await run(process.argv.slice(2), { terminal, clock: systemClock, signal: interrupt.signal });
