import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { buildGuest, GUEST_APPEND } from '../../scripts/guest/build.ts';
import type { SnapshotDisk } from '../../src/machine/machine.ts';
import { NbdClient } from '../../src/nbd/client.ts';

export const LOCATION = 'westeurope';
export const GUEST = { resourceGroup: 'lab', name: 'live-guest' };
export const IMAGE = { resourceGroup: 'lab', name: 'cold-image' };

const execute = promisify(execFile);
const ENVIRONMENT = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
export const tool = async (command: string, ...args: readonly string[]): Promise<string> =>
  (await execute(command, [...args], { env: ENVIRONMENT, maxBuffer: 1 << 26 })).stdout;

/** The word for skipping when QEMU cannot be had here; undefined when it can. */
export const whyNoQemu = async (): Promise<string | undefined> => {
  for (const command of ['qemu-system-x86_64', 'qemu-nbd', 'mke2fs', 'debugfs', 'cpio'])
    try {
      await tool('/bin/sh', '-c', `command -v ${command}`);
    } catch {
      return `${command} is not installed here`;
    }
  return undefined;
};

export const freePort = (): Promise<number> =>
  new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });

/** A data folder whose `qemu` host has a guest that writes without pause, and whose `images` host has a raw image. */
export async function makeDataFolder(): Promise<string> {
  const data = await mkdtemp(join(tmpdir(), 'strongroom-e2e-'));
  const qemu = join(data, 'hosts/qemu');
  const images = join(data, 'hosts/images');
  await mkdir(qemu, { recursive: true });
  await mkdir(images, { recursive: true });
  const { kernel, initrd } = await buildGuest(resolve('.cache/guest'));
  await copyFile(kernel, join(qemu, 'vmlinuz'));
  await copyFile(initrd, join(qemu, 'initrd.gz'));
  await makeDisk(join(qemu, 'os.qcow2'), '320M', 'qcow2');
  await makeDisk(join(qemu, 'data.qcow2'), '160M', 'qcow2');
  await makeDisk(join(images, 'os.raw'), '96M', 'raw');
  const common = { location: LOCATION, osType: 'Linux', tags: { purpose: 'test' } };
  const boot = { memoryMiB: 256, kernel: 'vmlinuz', initrd: 'initrd.gz', append: GUEST_APPEND, freezeHook: true };
  const disks = [
    { lun: -1, name: 'os', path: 'os.qcow2', format: 'qcow2' },
    { lun: 0, name: 'data', path: 'data.qcow2', format: 'qcow2' },
  ];
  await writeFile(join(qemu, 'live-guest.json'), JSON.stringify({ ...GUEST, ...common, disks, qemu: boot }));
  const imageDisks = [{ lun: -1, name: 'os', path: 'os.raw' }];
  await writeFile(join(images, 'cold-image.json'), JSON.stringify({ ...IMAGE, ...common, disks: imageDisks }));
  return data;
}

async function makeDisk(path: string, size: string, format: 'raw' | 'qcow2'): Promise<void> {
  const content = await mkdtemp(join(tmpdir(), 'strongroom-disk-'));
  await copyFile('package-lock.json', join(content, 'package-lock.json'));
  const raw = format === 'raw' ? path : `${path}.raw`;
  await tool('truncate', '-s', size, raw);
  await tool('mke2fs', '-q', '-F', '-t', 'ext4', '-d', content, raw);
  if (format === 'qcow2') {
    await tool('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', raw, path);
    await rm(raw);
  }
  await rm(content, { recursive: true });
}

/** SHA-256 of a frozen disk, read as a host shows it. */
export async function hashSnapshotDisk(disk: SnapshotDisk): Promise<string> {
  const hash = createHash('sha256');
  const step = 4 * 2 ** 20;
  if (disk.address.kind === 'file') return hashFile(disk.address.path);
  await using client = await NbdClient.connect(disk.address);
  for (let offset = 0; offset < disk.sizeBytes; offset += step)
    hash.update(await client.read(offset, Math.min(step, disk.sizeBytes - offset)));
  return hash.digest('hex');
}

export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await using file = await open(path, 'r');
  for await (const bytes of file.createReadStream()) hash.update(bytes as Uint8Array);
  return hash.digest('hex');
}

/** Throws unless the ext4 file system is clean without any repair. */
export const fsck = (path: string): Promise<string> => tool('e2fsck', '-fn', path);

/** A file's text out of an ext4 image, without mounting it. */
export const readFromImage = (path: string, file: string): Promise<string> =>
  tool('debugfs', '-R', `cat ${file}`, path);
