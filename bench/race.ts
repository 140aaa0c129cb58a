import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench, BenchContext } from './bench.ts';
import { buildImage, churn, copyImage } from './image.ts';
import type { Measured } from './measure.ts';
import { borg, type Contender, qemuImg, restic, strongroom } from './peers.ts';
import { type Figure, table, verdicts } from './report.ts';

const GiB = 2 ** 30;
const MiB = 2 ** 20;

/** A machine's days: full, next day, second machine, restore, and the care of the store, ours and the peers'. */
export const race: Bench = {
  name: 'race',
  run: async (context) => {
    const { folder, diskBytes } = context;
    const share = diskBytes / (8 * GiB);
    context.say('building the disks …');
    const disks = { base: join(folder, 'base.img'), second: join(folder, 'second.img') };
    buildImage(disks.base, folder, diskBytes, Math.floor(2.75 * GiB * share));
    copyImage(disks.base, disks.second);
    churn(disks.second, { seed: 2, changedShare: 0.02, newBytes: roundTo(64 * MiB * share) });
    const figures: Figure[] = [];
    for (const contender of [strongroom, borg, restic, qemuImg].map((make) => make(folder)))
      if (context.wants(contender.name)) figures.push(...(await days(context, contender, disks, share)));
    return { lines: table(figures), records: figures, verdicts: verdicts(figures) };
  },
};

/** One tool through all days. The image keeps its path from day to day, as a real machine's does. */
async function days(
  { folder, say }: BenchContext,
  contender: Contender,
  disks: { readonly base: string; readonly second: string },
  share: number,
): Promise<readonly Figure[]> {
  const { name } = contender;
  if (contender.missing) {
    say(`skipped: ${contender.missing}`);
    return [];
  }
  const figures: Figure[] = [];
  const step = async (step: Figure['step'], work: Promise<Measured> | undefined) => {
    if (!work) return;
    const { seconds, cpuSeconds, peakBytes } = await work;
    const storedBytes = folderBytes(contender.folder);
    const grewBytes = storedBytes - (figures.at(-1)?.storedBytes ?? 0);
    figures.push({ tool: name, step, seconds, cpuSeconds, peakBytes, grewBytes, storedBytes });
    say(`${name} ${step}: ${seconds.toFixed(1)} s`);
  };
  const machine = join(folder, 'machine.img');
  copyImage(disks.base, machine);
  await contender.prepare();
  await step('full', contender.full(machine));
  const changes = churn(machine, { seed: 1, changedShare: 0.01, newBytes: roundTo(128 * MiB * share) });
  const changesPath = join(folder, 'changes.json');
  writeFileSync(changesPath, JSON.stringify(changes));
  await step('tracked', contender.tracked?.(machine, changesPath));
  await step('reread', contender.reread?.(machine));
  await step('second', contender.second?.(disks.second));
  const target = join(folder, 'restored.img');
  await step('restore', contender.restore(machine, target));
  execFileSync('cmp', [machine, target]);
  await step('verify', contender.verify?.());
  await step('collect', contender.collect?.());
  for (const path of [target, machine, contender.folder]) rmSync(path, { recursive: true, force: true });
  return figures;
}

const roundTo = (bytes: number): number => Math.max(1, Math.round(bytes / MiB)) * MiB;

export function folderBytes(folder: string): number {
  return Number(execFileSync('du', ['-s', '--block-size=1', folder]).toString().split('\t')[0]);
}
