import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildImage, churn, copyImage, type Range } from './image.ts';
import type { Measured } from './measure.ts';
import { borg, type Contender, qemuImg, restic, strongroom } from './peers.ts';
import { Random } from './random.ts';
import { type Figure, table, verdicts } from './report.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    /** GiB of the disk; three eighths of it are used. */
    size: { type: 'string', default: '8' },
    /** Where to work; removed afterwards unless it was given. */
    folder: { type: 'string' },
    /** Comma-separated: strongroom, borg, restic, qemu-img. */
    only: { type: 'string' },
  },
});

const GiB = 2 ** 30;
const MiB = 2 ** 20;
const say = (words: string): void => void process.stderr.write(`${words}\n`);
const sizeBytes = Number(values.size) * GiB;
if (!(sizeBytes >= GiB / 2)) throw new Error('--size is a number of GiB, at least 0.5');

const work = values.folder === undefined ? mkdtempSync(join(tmpdir(), 'strongroom-bench-')) : resolve(values.folder);
mkdirSync(work, { recursive: true });
const images = { base: join(work, 'base.img'), machine: join(work, 'machine.img'), second: join(work, 'second.img') };
const changesPath = join(work, 'changes.json');
const figures: Figure[] = [];

try {
  const share = sizeBytes / (8 * GiB);
  say('building the disks …');
  buildImage(images.base, work, sizeBytes, Math.floor(2.75 * GiB * share));
  copyImage(images.base, images.second);
  churn(images.second, { seed: 2, changedShare: 0.02, newBytes: roundTo(64 * MiB * share) });
  const wanted = values.only?.split(',');
  const contenders = [strongroom(work), borg(work), restic(work), qemuImg(work)].filter(
    ({ name }) => !wanted || wanted.some((word) => name.startsWith(word)),
  );
  for (const contender of contenders) await race(contender, share);
  if (contenders.some(({ name }) => name === 'strongroom')) await sparseDisk();
} finally {
  if (values.folder === undefined) rmSync(work, { recursive: true, force: true });
}

if (values.json) {
  for (const figure of figures) console.log(JSON.stringify(figure));
  for (const verdict of verdicts(figures)) console.log(JSON.stringify(verdict));
} else {
  console.log(table(figures));
  for (const { target, met, measured } of verdicts(figures))
    console.log(`${met ? 'met   ' : 'MISSED'} ${target}: ${measured}`);
}

/** One tool through all days. The image keeps its path from day to day, as a real machine's does. */
async function race(contender: Contender, share: number): Promise<void> {
  const { name } = contender;
  if (contender.missing) {
    say(`skipped: ${contender.missing}`);
    return;
  }
  copyImage(images.base, images.machine);
  await contender.prepare();
  const step = async (step: Figure['step'], work: Promise<Measured> | undefined) => {
    if (!work) return;
    const before = figures.findLast((figure) => figure.tool === name)?.storedBytes ?? 0;
    const { seconds, cpuSeconds, peakBytes } = await work;
    const storedBytes = folderBytes(contender.folder);
    figures.push({ tool: name, step, seconds, cpuSeconds, peakBytes, grewBytes: storedBytes - before, storedBytes });
    say(`${name} ${step}: ${seconds.toFixed(1)} s`);
  };
  await step('full', contender.full(images.machine));
  const changes = churn(images.machine, { seed: 1, changedShare: 0.01, newBytes: roundTo(128 * MiB * share) });
  writeFileSync(changesPath, JSON.stringify(changes));
  await step('tracked', contender.tracked?.(images.machine, changesPath));
  await step('reread', contender.reread?.(images.machine));
  await step('second', contender.second?.(images.second));
  const target = join(work, 'restored.img');
  await step('restore', contender.restore(images.machine, target));
  execFileSync('cmp', [images.machine, target]);
  for (const path of [target, contender.folder]) rmSync(path, { recursive: true, force: true });
}

/** Memory must not grow with the disk: 16 TiB, 128 KiB of data in each of 2,000 places. */
async function sparseDisk(): Promise<void> {
  const image = join(work, 'sparse.img');
  const extents: Range[] = [];
  const random = new Random(3);
  const bytes = new Uint8Array(128 * 1024);
  const file = openSync(image, 'w');
  truncateSync(image, 16 * 2 ** 40 - 2 ** 32);
  for (let place = 0; place < 2000; place++) {
    const offset = place * 8 * GiB + random.below(1000) * MiB;
    random.fill(bytes);
    writeSync(file, bytes, 0, bytes.length, offset);
    extents.push({ offset, length: bytes.length });
  }
  closeSync(file);
  writeFileSync(changesPath, JSON.stringify(extents));
  mkdirSync(join(work, 'sparse'), { recursive: true });
  const contender = strongroom(join(work, 'sparse'));
  await contender.prepare();
  const { seconds, cpuSeconds, peakBytes } = await contender.listed!(image, changesPath);
  const storedBytes = folderBytes(contender.folder);
  figures.push({
    tool: 'strongroom',
    step: 'sparse16TiB',
    seconds,
    cpuSeconds,
    peakBytes,
    grewBytes: storedBytes,
    storedBytes,
  });
  say(`strongroom sparse16TiB: ${seconds.toFixed(1)} s`);
  rmSync(image);
}

function folderBytes(folder: string): number {
  return Number(execFileSync('du', ['-s', '--block-size=1', folder]).toString().split('\t')[0]);
}

function roundTo(bytes: number): number {
  return Math.max(1, Math.round(bytes / MiB)) * MiB;
}
