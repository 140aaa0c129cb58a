import { createInterface } from 'node:readline';
import { systemClock } from '../../lib/clock.ts';
import { cut } from './cut.ts';
import type { CutPlan } from './cutPlan.ts';

/**
 * A process of its own for the moment in which a guest is frozen: it takes its plan from the first line of standard
 * input and answers on standard output. When its input ends, its parent is dead or has lost interest: it makes the
 * guest run again and goes. It goes for no signal before that.
 */
const parentGone = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
process.stdout.on('error', () => {});

const lines = createInterface({ input: process.stdin });
lines.once('line', (line) => {
  cut(JSON.parse(line) as CutPlan, systemClock, parentGone.signal).then(
    (result) => process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0)),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      process.exit(1);
    },
  );
});
lines.once('close', () => parentGone.abort(new Error('the server that asked for the snapshot is gone')));
