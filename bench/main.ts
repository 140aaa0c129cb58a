import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Bench, BenchContext } from './bench.ts';
import { churnBench } from './churnBench.ts';
import { load } from './load.ts';
import { race } from './race.ts';
import { scaleBench } from './scaleBench.ts';
import { sparse } from './sparse.ts';
import { years } from './years.ts';

const BENCHES: readonly Bench[] = [race, sparse, churnBench, years, scaleBench, load];

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    /** Comma-separated: race, sparse, churn, years, scale, load; absent: all. */
    only: { type: 'string' },
    /** GiB of the disk; three eighths of it are used. */
    size: { type: 'string', default: '8' },
    /** Share of what `years` and `scale` are meant to hold: 1 is all of it. */
    scale: { type: 'string', default: '1' },
    /** `years` ends after so many, however far it is. */
    minutes: { type: 'string' },
    /**
     * Where to work; absent: a folder of its own below the system's for temporary files. Emptied after each bench, but
     * for `kept`: what `load` was seeded with stays there.
     */
    folder: { type: 'string' },
    /** Comma-separated: strongroom, borg, restic, qemu-img. */
    tools: { type: 'string' },
  },
});

const diskBytes = Number(values.size) * 2 ** 30;
if (!(diskBytes >= 2 ** 29)) throw new Error('--size is a number of GiB, at least 0.5');
const scale = Number(values.scale);
if (!(scale > 0 && scale <= 1)) throw new Error('--scale is a number above 0, at most 1');
const minutes = Number(values.minutes ?? Number.POSITIVE_INFINITY);
if (!(minutes > 0)) throw new Error('--minutes is a number above 0');
const wanted = values.only?.split(',');
const unknown = wanted?.filter((name) => BENCHES.every((bench) => bench.name !== name)) ?? [];
if (unknown.length > 0)
  throw new Error(`--only ${unknown.join(', ')} is none of ${BENCHES.map(({ name }) => name).join(', ')}`);

const tools = values.tools?.split(',');
const work = values.folder === undefined ? mkdtempSync(join(tmpdir(), 'strongroom-bench-')) : resolve(values.folder);
try {
  for (const bench of BENCHES.filter(({ name }) => !wanted || wanted.includes(name))) await run(bench);
} finally {
  if (values.folder === undefined) rmSync(work, { recursive: true, force: true });
}

async function run(bench: Bench): Promise<void> {
  const context: BenchContext = {
    ...{ folder: join(work, bench.name), diskBytes, scale, minutes },
    kept: values.folder === undefined ? undefined : join(work, 'kept'),
    wants: (tool) => !tools || tools.some((word) => tool.startsWith(word)),
    say: (words) => void process.stderr.write(`${words}\n`),
  };
  mkdirSync(context.folder, { recursive: true });
  try {
    const { lines, records, verdicts } = await bench.run(context);
    if (values.json)
      for (const record of [...records, ...verdicts]) console.log(JSON.stringify({ bench: bench.name, ...record }));
    else for (const line of lines) console.log(line);
    for (const { target, met, measured } of values.json ? [] : verdicts)
      console.log(`${met ? 'met   ' : 'MISSED'} ${target}: ${measured}`);
  } finally {
    rmSync(context.folder, { recursive: true, force: true });
  }
}
