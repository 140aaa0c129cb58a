import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { GUEST_APPEND, type Guest } from './build.ts';

const PACKAGES = ['grub-common', 'grub-pc-bin'];
const MODULES = ['biosdisk', 'part_msdos', 'ext2', 'linux'];
const SECTOR = 512;
const MIB = 2 ** 20;
const SIZE_MIB = 64;
const PARTITION_ENTRY = 446;
const PARTITION_TABLE_BYTES = 64;

const run = promisify(execFile);
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
const tool = async (command: string, args: readonly string[], cwd?: string): Promise<string> =>
  (await run(command, args, { cwd, env, maxBuffer: 1 << 26 })).stdout;

/** A raw disk from which a BIOS boots the guest by itself: GRUB, and kernel and initramfs in a file system of its own. */
export async function makeBootableDisk({ kernel, initrd }: Guest, path: string): Promise<void> {
  const folder = await mkdtemp(`${resolve(path)}-`);
  try {
    const files = join(folder, 'files');
    await mkdir(files);
    await copyFile(kernel, join(files, 'vmlinuz'));
    await copyFile(initrd, join(files, 'initrd.gz'));
    await tool('truncate', ['-s', `${SIZE_MIB}M`, path]);
    // ext4 as mke2fs makes it now is unknown to GRUB 2.06
    const words = ['-q', '-F', '-t', 'ext2', '-b', '4096', '-E', `offset=${MIB}`, '-d', files, path];
    await tool('mke2fs', [...words, `${(SIZE_MIB - 1) * 1024}k`]);
    await putGrub(await grubFolder(dirname(kernel)), folder, path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Unpacked beside the guest, not installed. */
async function grubFolder(guestFolder: string): Promise<string> {
  const grub = join(guestFolder, 'grub');
  if (await readFile(join(grub, 'usr/bin/grub-mkimage')).catch(() => undefined)) return grub;
  await mkdir(grub, { recursive: true });
  await tool('apt-get', ['-q', 'download', ...PACKAGES], grub);
  await tool('/bin/sh', ['-c', 'for package in *.deb; do dpkg-deb -x "$package" . || exit; done'], grub);
  return grub;
}

/** Its first sector is the disk's, with the partition's entry; the rest follows in the gap before the partition. */
async function putGrub(grub: string, folder: string, path: string): Promise<void> {
  const parts = join(grub, 'usr/lib/grub/i386-pc');
  const [core, config] = [join(folder, 'core.img'), join(folder, 'early.cfg')];
  const lines = [`linux (hd0,msdos1)/vmlinuz ${GUEST_APPEND}`, 'initrd (hd0,msdos1)/initrd.gz', 'boot', ''];
  await writeFile(config, lines.join('\n'));
  const format = ['-O', 'i386-pc', '-d', parts, '-c', config, '-o', core, '-p', '(hd0,msdos1)'];
  await tool(join(grub, 'usr/bin/grub-mkimage'), [...format, ...MODULES]);
  const boot = await readFile(join(parts, 'boot.img'));
  boot.fill(0, PARTITION_ENTRY, PARTITION_ENTRY + PARTITION_TABLE_BYTES);
  boot.set([0x80, 0, 2, 0, 0x83, 0xff, 0xff, 0xff], PARTITION_ENTRY);
  boot.writeUInt32LE(MIB / SECTOR, PARTITION_ENTRY + 8);
  boot.writeUInt32LE(((SIZE_MIB - 1) * MIB) / SECTOR, PARTITION_ENTRY + 12);
  await using disk = await open(path, 'r+');
  await disk.write(boot, 0, SECTOR, 0);
  const rest = await readFile(core);
  if (rest.length > MIB - SECTOR) throw new Error('GRUB does not fit before the partition');
  await disk.write(rest, 0, rest.length, SECTOR);
}
