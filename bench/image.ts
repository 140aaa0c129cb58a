import { execFileSync } from 'node:child_process';
import {
  closeSync,
  cpSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { Random } from './random.ts';

/** What the machine itself has: programs, libraries, documents, archives. */
const SOURCES = ['/usr', '/opt', '/var/lib'];
const MiB = 1 << 20;
const BLOCK = 4096;

export interface Range {
  readonly offset: number;
  readonly length: number;
}

/** A raw image of `sizeBytes` with an ext4 file system holding about `usedBytes` of this machine's files. No mounting. */
export function buildImage(path: string, folder: string, sizeBytes: number, usedBytes: number): void {
  const tree = join(folder, 'tree');
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(tree, { recursive: true });
  let left = usedBytes;
  for (const source of SOURCES) left = copyUpTo(source, join(tree, source), left);
  execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', tree, path, `${Math.floor(sizeBytes / 1024)}k`], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  rmSync(tree, { recursive: true, force: true });
}

/** Copies regular files in name order until `left` bytes are used up; answers what is left. */
function copyUpTo(from: string, to: string, left: number): number {
  let entries: string[];
  try {
    entries = readdirSync(from).sort();
  } catch {
    return left; // not there, or not for us to read
  }
  mkdirSync(to, { recursive: true });
  for (const name of entries) {
    if (left <= 0) return left;
    const info = lstatSync(join(from, name));
    if (info.isDirectory()) left = copyUpTo(join(from, name), join(to, name), left);
    else if (info.isFile() && info.size <= Math.min(left, 256 * MiB)) {
      cpSync(join(from, name), join(to, name));
      left -= info.size;
    }
  }
  return left;
}

/** Data ranges in units of 4 KiB blocks that are not all zero. */
export function usedBlocks(path: string): Uint32Array {
  const file = openSync(path, 'r');
  const { size } = fstatSync(file);
  const blocks = new Uint32Array(Math.ceil(size / BLOCK));
  const buffer = Buffer.alloc(4 * MiB);
  const zeros = Buffer.alloc(BLOCK);
  let count = 0;
  for (let offset = 0; offset < size; offset += buffer.length) {
    const length = readSync(file, buffer, 0, buffer.length, offset);
    for (let at = 0; at < length; at += BLOCK) {
      if (buffer.compare(zeros, 0, Math.min(BLOCK, length - at), at, Math.min(at + BLOCK, length)) !== 0)
        blocks[count++] = (offset + at) / BLOCK;
    }
  }
  closeSync(file);
  return blocks.subarray(0, count);
}

export interface Churn {
  readonly seed: number;
  /** Share of the used 4 KiB blocks that is rewritten, in runs of 1 to 32 blocks at random places. */
  readonly changedShare: number;
  /** Written where the disk was empty before. */
  readonly newBytes: number;
}

/** Changes an image in place and tells what was written, as a hypervisor's change tracking would: ascending. */
export function churn(path: string, { seed, changedShare, newBytes }: Churn): Range[] {
  const random = new Random(seed);
  const used = usedBlocks(path);
  const file = openSync(path, 'r+');
  const written = new Set<number>();
  const target = Math.floor(used.length * changedShare);
  while (written.size < target) {
    const first = random.below(used.length);
    const run = Math.min(1 + random.below(32), used.length - first, target - written.size);
    const bytes = Buffer.alloc(BLOCK);
    for (let index = first; index < first + run; index++) {
      if (index % 2 === 0) random.fill(bytes);
      else random.fillWithText(bytes);
      writeSync(file, bytes, 0, BLOCK, used[index]! * BLOCK);
      written.add(used[index]!);
    }
  }
  const start = largestGap(used, fstatSync(file).size / BLOCK, newBytes / BLOCK);
  const piece = Buffer.alloc(64 * 1024);
  for (let at = 0; at < newBytes; at += piece.length) {
    if ((at / piece.length) % 2 === 0) random.fill(piece);
    else random.fillWithText(piece);
    writeSync(file, piece, 0, piece.length, start * BLOCK + at);
  }
  for (let block = start; block < start + newBytes / BLOCK; block++) written.add(block);
  closeSync(file);
  return ranges(written);
}

/** Writes a share of the used 4 KiB blocks anew, each at a random place by itself; what was written, ascending. */
export function scatter(path: string, { seed, changedShare }: Pick<Churn, 'seed' | 'changedShare'>): Range[] {
  const random = new Random(seed);
  const used = usedBlocks(path);
  const file = openSync(path, 'r+');
  const written = new Set<number>();
  const bytes = Buffer.alloc(BLOCK);
  while (written.size < used.length * changedShare) {
    const block = used[random.below(used.length)]!;
    if (written.has(block)) continue;
    random.fill(bytes);
    writeSync(file, bytes, 0, BLOCK, block * BLOCK);
    written.add(block);
  }
  closeSync(file);
  return ranges(written);
}

function largestGap(used: Uint32Array, blocks: number, wanted: number): number {
  for (let index = 0, end = 0; index <= used.length; index++) {
    const next = index < used.length ? used[index]! : blocks;
    if (next - end >= wanted) return end;
    end = next + 1;
  }
  throw new Error(`no free place for ${wanted} blocks`);
}

function ranges(blocks: ReadonlySet<number>): Range[] {
  const merged: { offset: number; length: number }[] = [];
  for (const block of Uint32Array.from(blocks).sort()) {
    const last = merged.at(-1);
    if (last && last.offset + last.length === block * BLOCK) last.length += BLOCK;
    else merged.push({ offset: block * BLOCK, length: BLOCK });
  }
  return merged;
}

export function copyImage(from: string, to: string): void {
  execFileSync('cp', ['--sparse=always', from, to]);
}
