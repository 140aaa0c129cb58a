import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench, BenchContext } from './bench.ts';
import { buildImage, copyImage, scatter } from './image.ts';
import { borg, type Contender, restic, strongroom } from './peers.ts';
import { folderBytes } from './race.ts';
import type { Verdict } from './report.ts';

const MIB = 2 ** 20;
const MOST_TIMES = 30;

interface Growth {
  readonly tool: string;
  readonly changedBytes: number;
  readonly grewBytes: number;
}

/** What 1 % of the used 4 KiB blocks, written anew at random places, costs in the store. */
export const churnBench: Bench = {
  name: 'churn',
  run: async (context) => {
    const { folder, diskBytes } = context;
    const base = join(folder, 'base.img');
    context.say('building the disk …');
    buildImage(base, folder, diskBytes, Math.floor(diskBytes * 0.344));
    const records: Growth[] = [];
    for (const contender of [strongroom, borg, restic].map((make) => make(folder)))
      if (context.wants(contender.name) && !contender.missing) records.push(await grow(context, contender, base));
    return { lines: lines(records), records, verdicts: verdicts(records) };
  },
};

async function grow({ folder, say }: BenchContext, contender: Contender, base: string): Promise<Growth> {
  const machine = join(folder, 'machine.img');
  copyImage(base, machine);
  await contender.prepare();
  await contender.full(machine);
  const before = folderBytes(contender.folder);
  const changes = scatter(machine, { seed: 5, changedShare: 0.01 });
  const changesPath = join(folder, 'changes.json');
  writeFileSync(changesPath, JSON.stringify(changes));
  await (contender.tracked?.(machine, changesPath) ?? contender.reread!(machine));
  const grewBytes = folderBytes(contender.folder) - before;
  const changedBytes = changes.reduce((sum, { length }) => sum + length, 0);
  say(`${contender.name}: ${(grewBytes / changedBytes).toFixed(1)} × what changed`);
  for (const path of [machine, contender.folder]) rmSync(path, { recursive: true, force: true });
  return { tool: contender.name, changedBytes, grewBytes };
}

const times = ({ grewBytes, changedBytes }: Growth): string => (grewBytes / changedBytes).toFixed(1);

const lines = (records: readonly Growth[]): readonly string[] => [
  'growth by 1 % random 4 KiB writes   changed MiB   grew MiB   × changed',
  ...records.map(
    (record) =>
      record.tool.padEnd(34) +
      [(record.changedBytes / MIB).toFixed(1), (record.grewBytes / MIB).toFixed(0), times(record)]
        .map((cell, index) => cell.padStart([13, 11, 12][index]!))
        .join(''),
  ),
];

const verdicts = (records: readonly Growth[]): readonly Verdict[] =>
  records
    .filter(({ tool }) => tool === 'strongroom')
    .map((record) => ({
      target: `random 4 KiB writes grow the store by at most ${MOST_TIMES} × what changed`,
      met: record.grewBytes <= MOST_TIMES * record.changedBytes,
      measured: `${times(record)} ×`,
    }));
