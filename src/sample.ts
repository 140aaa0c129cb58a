import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildGuest, GUEST_APPEND } from '../scripts/guest/build.ts';
import { type App, LOCATION } from './app.ts';
import { run as runCommand } from './cli/run.ts';
import { systemClock } from './lib/clock.ts';
import { writeFileDurably } from './lib/durableFile.ts';
import type { MachineRef } from './machine/machine.ts';

const GROUP = 'samples';
const VAULT = 'sample-vault';
const GUEST: MachineRef = { resourceGroup: GROUP, name: 'sample-guest' };
const IMAGE: MachineRef = { resourceGroup: GROUP, name: 'sample-image' };

const execute = promisify(execFile);
const ENVIRONMENT = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
const tool = (command: string, ...args: string[]) => execute(command, args, { env: ENVIRONMENT });

/**
 * Two machines to try everything on: a tiny guest that runs under QEMU and a powered-off image. The first start
 * protects both in a new vault and takes their first backups, by the same commands a user would type; later starts go
 * on with what is there. Disposing it shuts the guest down.
 */
export async function runSample(app: App, stop: AbortSignal, say: (text: string) => void): Promise<AsyncDisposable> {
  const names: string[] = [];
  const guest = await sampleGuest(app, say).catch((error: unknown) => {
    say(`Without a running guest: ${firstLine(error)}`);
    return undefined;
  });
  if (guest) names.push(GUEST.name);
  if (await sampleImage(app)) names.push(IMAGE.name);
  else say('Without the sample image: mke2fs (Debian: e2fsprogs) is not here.');
  await protect(app, names, stop, say);
  return { [Symbol.asyncDispose]: async () => guest?.[Symbol.asyncDispose]() };
}

async function sampleGuest(app: App, say: (text: string) => void): Promise<AsyncDisposable> {
  await tool('qemu-system-x86_64', '--version').catch(() => {
    throw new Error('qemu-system-x86_64 is not here (Debian: qemu-system-x86 and qemu-utils).');
  });
  const folder = join(app.data.hosts, 'qemu');
  const description = join(folder, `${GUEST.name}.json`);
  if (!existsSync(description)) {
    say('Making the sample guest from Debian packages …');
    const { kernel, initrd } = await buildGuest(join(app.data.cache, 'guest'));
    await copyFile(kernel, join(folder, 'sample-vmlinuz'));
    await copyFile(initrd, join(folder, 'sample-initrd.gz'));
    const disks = [
      { lun: -1, name: 'os', path: 'sample-guest.os.qcow2', format: 'qcow2' },
      { lun: 0, name: 'data', path: 'sample-guest.data.qcow2', format: 'qcow2' },
    ];
    await makeDisk(join(folder, disks[0]!.path), '1G', 'qcow2');
    await makeDisk(join(folder, disks[1]!.path), '256M', 'qcow2');
    const qemu = { memoryMiB: 256, kernel: 'sample-vmlinuz', initrd: 'sample-initrd.gz', append: GUEST_APPEND };
    await describe(description, GUEST, disks, { qemu: { ...qemu, freezeHook: true } });
  }
  const host = app.hosts.get('qemu');
  if ((await host.find(GUEST)).powerState === 'stopped') {
    say('Starting the sample guest …');
    await host.start(GUEST);
  }
  return { [Symbol.asyncDispose]: () => host.stop(GUEST, { graceful: true, signal: AbortSignal.timeout(20_000) }) };
}

async function sampleImage(app: App): Promise<boolean> {
  const folder = join(app.data.hosts, 'images');
  const description = join(folder, `${IMAGE.name}.json`);
  if (existsSync(description)) return true;
  const path = 'sample-image.os.raw';
  const made = await makeDisk(join(folder, path), '512M', 'raw').catch(() => false as const);
  if (made === false) return false;
  await describe(description, IMAGE, [{ lun: -1, name: 'os', path, format: 'raw' }]);
  return true;
}

/** An ext4 disk with a few real files on it. */
async function makeDisk(path: string, size: string, format: 'raw' | 'qcow2'): Promise<void> {
  const content = await mkdtemp(join(tmpdir(), 'strongroom-sample-'));
  const raw = format === 'raw' ? path : `${path}.raw`;
  try {
    await mkdir(join(content, 'etc'));
    await writeFile(join(content, 'etc/motd'), 'A sample disk of Strongroom.\n');
    await copyFile(process.execPath, join(content, 'node'));
    await rm(raw, { force: true });
    await tool('truncate', '-s', size, '--', raw);
    await tool('mke2fs', '-q', '-F', '-t', 'ext4', '-d', content, raw);
    if (format === 'qcow2') await tool('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', raw, path);
  } finally {
    await rm(content, { recursive: true, force: true });
    if (raw !== path) await rm(raw, { force: true });
  }
}

const describe = (file: string, ref: MachineRef, disks: readonly object[], more: object = {}): Promise<void> =>
  writeFileDurably(
    file,
    `${JSON.stringify({ ...ref, location: LOCATION, osType: 'Linux', tags: { sample: 'yes' }, disks, ...more }, undefined, 2)}\n`,
  );

async function protect(
  app: App,
  names: readonly string[],
  stop: AbortSignal,
  say: (text: string) => void,
): Promise<void> {
  const terminal = {
    stdout: process.stdout,
    stderr: process.stderr,
    env: { ...process.env, STRONGROOM_CLIENT: app.data.client },
    cwd: process.cwd(),
  };
  const shell = { terminal, clock: systemClock, signal: stop };
  const quiet = { ...shell, terminal: { ...terminal, stdout: { write: () => {} }, stderr: { write: () => {} } } };
  const command = async (line: string): Promise<void> => {
    stop.throwIfAborted();
    say(`\n$ strongroom ${line}`);
    await runCommand(line.split(' '), shell);
  };
  const vault = `-g ${GROUP} -v ${VAULT}`;
  if ((await runCommand(`vault show -g ${GROUP} -n ${VAULT}`.split(' '), quiet)) !== 0) {
    await command(`vault create -g ${GROUP} -n ${VAULT} -l ${LOCATION} -o table`);
    for (const vm of names) await command(`protection enable-for-vm ${vault} --vm ${vm} -p DefaultPolicy -o table`);
    for (const vm of names) await command(`protection backup-now ${vault} -c ${vm} -i ${vm} -o table`);
  }
  for (const vm of names) await command(`recoverypoint list ${vault} -c ${vm} -i ${vm} -o table`);
}

const firstLine = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
