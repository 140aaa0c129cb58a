import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';

const environment = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
const run = (tool: string, ...args: string[]): void => {
  execFileSync(tool, args, { env: environment, stdio: ['ignore', 'ignore', 'pipe'] });
};

/** A disk that holds an empty ext4 file system, as the guest expects its disks. Wants mke2fs, and for qcow2 qemu-img. */
export function makeGuestDisk(path: string, format: 'raw' | 'qcow2', sizeMiB: number): void {
  const raw = format === 'raw' ? path : `${path}.raw`;
  run('truncate', '-s', `${sizeMiB}M`, raw);
  run('mke2fs', '-q', '-F', '-t', 'ext4', '-E', 'lazy_itable_init=0,lazy_journal_init=0', raw);
  if (format === 'raw') return;
  run('qemu-img', 'convert', '-f', 'raw', '-O', format, raw, path);
  rmSync(raw);
}
