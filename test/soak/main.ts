import { parseArgs } from 'node:util';
import { PARTS } from './parts.ts';
import { runParts } from './runParts.ts';

const { values } = parseArgs({
  options: {
    /** Comma-separated names; absent: all. */
    part: { type: 'string' },
    /** How long a part goes on that has no end of its own, and at most any other. */
    minutes: { type: 'string', default: '60' },
    /** Repeats a run; absent: another one each time. */
    seed: { type: 'string' },
    short: { type: 'boolean', default: false },
  },
});

const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const wanted = values.part?.split(',');
const unknown = wanted?.filter((name) => !PARTS.some((part) => part.name.replaceAll(' ', '-') === name)) ?? [];
if (unknown.length > 0) {
  const legal = PARTS.map(({ name }) => name.replaceAll(' ', '-')).join(', ');
  console.error(`--part ${unknown.join(', ')} is not one of ${legal}.`);
  process.exit(2);
}
const parts = PARTS.filter(({ name }) => !wanted || wanted.includes(name.replaceAll(' ', '-')));
console.log(`seed ${seed}`);
const results = await runParts(parts, { seed, isLong: !values.short, minutes: Number(values.minutes) }, (line) =>
  console.log(line),
);
process.exitCode = results.every(({ failure }) => failure === undefined) ? 0 : 1;
