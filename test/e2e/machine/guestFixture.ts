import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { buildGuest, GUEST_APPEND, type Guest } from '../../../scripts/guest/build.ts';
import { makeGuestDisk } from '../../../scripts/guest/disk.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import type { MachineHost, SnapshotDisk } from '../../../src/machine/machine.ts';
import { GuestAgent } from '../../../src/machine/qemu/guestAgent.ts';
import { openQemuHost } from '../../../src/machine/qemuHost.ts';
import { NbdClient } from '../../../src/nbd/client.ts';

export const MIB = 1 << 20;
export const REF = { resourceGroup: 'lab', name: 'db-1' };

const has = (tool: string): boolean => {
  try {
    execFileSync(tool, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

/** Why the tests on real machines cannot run here; false when they can. */
export const skipWithoutQemu: string | false =
  ['qemu-system-x86_64', 'qemu-img', 'qemu-nbd'].find((tool) => !has(tool)) === undefined
    ? false
    : 'QEMU is not installed';

export const run = (tool: string, ...args: string[]): string =>
  execFileSync(tool, args, {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
    stdio: ['ignore', 'pipe', 'pipe'],
  });

const guestOf = (): Promise<Guest> => buildGuest(join(import.meta.dirname, '../../../.cache/guest'));

export interface Bench extends Disposable {
  readonly folder: string;
  readonly images: string;
  readonly host: MachineHost;
  /** A second host over the same folders, as after a restart of the server. */
  reopen(): Promise<MachineHost>;
  readonly options: {
    readonly name: string;
    readonly folder: string;
    readonly stateFolder: string;
    readonly diskRoots: readonly string[];
  };
}

export interface DiskSetup {
  readonly lun: number;
  readonly name: string;
  readonly format: 'raw' | 'qcow2';
  readonly sizeMiB: number;
}

export const TWO_DISKS: readonly DiskSetup[] = [
  { lun: -1, name: 'os', format: 'qcow2', sizeMiB: 192 },
  { lun: 0, name: 'data', format: 'qcow2', sizeMiB: 96 },
];

/** A folder with one described machine whose disks hold empty ext4 file systems. */
export async function openBench(disks = TWO_DISKS, qemu: Record<string, unknown> = {}): Promise<Bench> {
  const { kernel, initrd } = await guestOf();
  const folder = mkdtempSync(join(tmpdir(), 'sr-qemu-'));
  const [machines, images] = [join(folder, 'machines'), join(folder, 'images')];
  run('mkdir', machines, images);
  for (const disk of disks) makeGuestDisk(join(images, fileOf(disk)), disk.format, disk.sizeMiB);
  const boot = { memoryMiB: 192, kernel, initrd, append: GUEST_APPEND, freezeHook: true };
  const described = disks.map((disk) => ({
    lun: disk.lun,
    name: disk.name,
    path: join(images, fileOf(disk)),
    format: disk.format,
  }));
  writeFileSync(
    join(machines, 'db-1.yaml'),
    stringify({ ...REF, location: 'westeurope', tags: { role: 'db' }, disks: described, qemu: { ...boot, ...qemu } }),
  );
  const options = { name: 'lab', folder: machines, stateFolder: join(folder, 'state'), diskRoots: [images] };
  const reopen = () => openQemuHost({ ...options, clock: systemClock });
  return {
    folder,
    images,
    options,
    host: await reopen(),
    reopen,
    [Symbol.dispose]() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export const fileOf = ({ name, format }: DiskSetup): string => `${name}.${format}`;

/** Waits until the machine's agent answers. */
export async function booted(host: MachineHost): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const { agent } = await host.find(REF);
    if (agent.status === 'ready') return;
    await systemClock.sleep(200);
  }
  throw new Error('the guest did not boot');
}

/** Runs a shell script in the guest and returns what it printed. */
export async function inGuest(agentSocket: string, script: string): Promise<string> {
  await using agent = await GuestAgent.connect(agentSocket);
  const limit = { timeoutMs: 20_000 };
  const args = { path: '/bin/sh', arg: ['-c', script], 'capture-output': true };
  const { pid } = await agent.command<{ pid: number }>('guest-exec', args, limit);
  for (;;) {
    const status = await agent.command<{ exited: boolean; 'out-data'?: string }>('guest-exec-status', { pid }, limit);
    if (status.exited) return Buffer.from(status['out-data'] ?? '', 'base64').toString();
    await systemClock.sleep(50);
  }
}

/** Copies a snapshot's disk into a raw file: the named extents over `under`, or over zeros. */
export async function restoreTo(
  path: string,
  disk: SnapshotDisk,
  baseId?: string,
  under?: string,
): Promise<{ kind: string; bytes: number }> {
  if (under === undefined) run('truncate', '-s', String(disk.sizeBytes), path);
  else run('cp', '--sparse=always', under, path);
  await using file = await open(path, 'r+');
  if (disk.address.kind !== 'nbd') throw new Error('an NBD address is expected');
  await using client = await NbdClient.connect(disk.address);
  const changes = await disk.changedSince(baseId);
  let bytes = 0;
  let end = 0;
  for await (const { offset, length, kind } of changes.extents) {
    if (offset < end) throw new Error('extents overlap');
    end = offset + length;
    bytes += length;
    for (let at = offset; at < end; at += MIB) {
      const part = Math.min(MIB, end - at);
      await file.write(kind === 'zero' ? new Uint8Array(part) : await client.read(at, part), 0, part, at);
    }
  }
  return { kind: changes.kind, bytes };
}

export const fsckIsClean = (path: string): boolean => {
  try {
    run('e2fsck', '-fn', path);
    return true;
  } catch {
    return false;
  }
};

export const fileIn = (image: string, name: string): string => run('debugfs', '-R', `cat ${name}`, image);
