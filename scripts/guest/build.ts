import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

/**
 * A tiny Linux guest made of Debian packages: kernel and initramfs with busybox and the QEMU guest agent.
 * Nothing is installed and root is not needed. It wants apt's package lists, dpkg-deb, kmod, cpio and gzip.
 */
export interface Guest {
  readonly kernel: string;
  readonly initrd: string;
}

/** Kernel command line that boots the guest quickly, with its console on the first serial port. */
export const GUEST_APPEND =
  'console=ttyS0 quiet panic=-1 nokaslr mitigations=off no_timer_check random.trust_cpu=on cryptomgr.notests';

const PACKAGES = [
  'busybox-static',
  'qemu-guest-agent',
  'libc6',
  'libudev1',
  'libnuma1',
  'liburing2',
  'libglib2.0-0',
  'libpcre2-8-0',
];
/** What the cloud kernel does not have built in; ext4 is. */
const MODULES = ['virtio_pci', 'virtio_blk', 'virtio_console'];
const FOLDERS = [
  'bin',
  'sbin',
  'lib',
  'lib64',
  'etc/qemu/fsfreeze-hook.d',
  'proc',
  'sys',
  'dev',
  'run',
  'tmp',
  'var/run',
];
const FILES = join(import.meta.dirname, 'files');
/** kmod's tools live where an ordinary user's PATH does not look. */
const ENVIRONMENT = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

const run = promisify(execFile);
const tool = async (command: string, args: readonly string[], cwd?: string): Promise<string> =>
  (await run(command, args, { cwd, env: ENVIRONMENT, maxBuffer: 1 << 26 })).stdout;

/** Builds the guest into `outFolder`, or finds it there from an earlier time. */
export async function buildGuest(folder: string): Promise<Guest> {
  const outFolder = resolve(folder);
  const guest: Guest = { kernel: join(outFolder, 'vmlinuz'), initrd: join(outFolder, 'initrd.gz') };
  const stamp = join(outFolder, 'built-from');
  const source = await sourceText();
  if ((await readFile(stamp, 'utf8').catch(() => '')) === source) return guest;
  // others may build it at the same time: what is made has a folder of its own until it is whole
  const making = `${outFolder}.${randomUUID()}`;
  await mkdir(making, { recursive: true });
  const unpacked = await unpackPackages(making);
  const version = (await readdir(join(unpacked, 'lib/modules')))[0];
  if (version === undefined) throw new Error('the kernel package holds no modules');
  const root = join(making, 'root');
  for (const folder of FOLDERS) await mkdir(join(root, folder), { recursive: true });
  await copyPrograms(unpacked, root);
  await copyModules(unpacked, version, root);
  await copyScripts(root);
  await packInitramfs(root, join(making, 'initrd.gz'));
  await mkdir(outFolder, { recursive: true });
  await rename(join(unpacked, 'boot', `vmlinuz-${version}`), guest.kernel);
  await rename(join(making, 'initrd.gz'), guest.initrd);
  await writeFile(stamp, source);
  await rm(making, { recursive: true, force: true });
  return guest;
}

async function sourceText(): Promise<string> {
  const files = (await readdir(FILES)).sort().map((name) => join(FILES, name));
  return (await Promise.all([import.meta.filename, ...files].map((file) => readFile(file, 'utf8')))).join('\n');
}

async function unpackPackages(outFolder: string): Promise<string> {
  const unpacked = join(outFolder, 'unpacked');
  const downloads = join(outFolder, 'packages');
  if (await readdir(unpacked).catch(() => undefined)) return unpacked;
  await mkdir(downloads, { recursive: true });
  try {
    await download(downloads);
  } catch (error) {
    if (process.getuid?.() !== 0) throw error;
    // apt's lists were never fetched, or name versions that are gone
    await tool('apt-get', ['-q', 'update']);
    await download(downloads);
  }
  const partial = `${unpacked}.part`;
  await rm(partial, { recursive: true, force: true });
  for (const file of await readdir(downloads)) await tool('dpkg-deb', ['-x', join(downloads, file), partial]);
  await rename(partial, unpacked);
  return unpacked;
}

async function download(folder: string): Promise<void> {
  const depends = await tool('apt-cache', ['depends', 'linux-image-cloud-amd64']);
  const kernel = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (kernel === undefined) throw new Error('apt knows no linux-image-cloud-amd64: run `apt-get update` as root first');
  await tool('apt-get', ['-q', 'download', kernel, ...PACKAGES], folder);
}

async function copyPrograms(unpacked: string, root: string): Promise<void> {
  const agent = join(unpacked, 'usr/sbin/qemu-ga');
  const loader = join(unpacked, 'lib64/ld-linux-x86-64.so.2');
  const libraries = ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu']
    .map((folder) => join(unpacked, folder))
    .join(':');
  await copyFile(join(unpacked, 'bin/busybox'), join(root, 'bin/busybox'));
  await symlink('busybox', join(root, 'bin/sh'));
  await copyFile(agent, join(root, 'bin/qemu-ga'));
  await copyFile(loader, join(root, 'lib64/ld-linux-x86-64.so.2'));
  for (const line of (await tool(loader, ['--library-path', libraries, '--list', agent])).split('\n')) {
    const path = /=> (\S+)/.exec(line)?.[1];
    if (path !== undefined) await copyFile(path, join(root, 'lib', basename(path)));
  }
}

async function copyModules(unpacked: string, version: string, root: string): Promise<void> {
  await tool('depmod', ['-b', unpacked, version]);
  const inOrder = new Set<string>();
  for (const module of MODULES) {
    const shown = await tool('modprobe', ['-d', unpacked, '-S', version, '--show-depends', module]);
    for (const match of shown.matchAll(/^insmod (\S+)/gm)) inOrder.add(match[1]!);
  }
  for (const path of inOrder) await copyFile(path, join(root, 'lib', basename(path)));
  await writeFile(join(root, 'etc/modules'), [...inOrder].map((path) => `${basename(path)}\n`).join(''));
}

/** Where each of `files/` goes in the guest; all are executable. */
const PLACES: Readonly<Record<string, string>> = {
  init: 'init',
  app: 'bin/app',
  shutdown: 'sbin/shutdown',
  'fsfreeze-hook': 'etc/qemu/fsfreeze-hook',
  'quiesce-app': 'etc/qemu/fsfreeze-hook.d/app',
};

async function copyScripts(root: string): Promise<void> {
  for (const [name, place] of Object.entries(PLACES)) {
    await copyFile(join(FILES, name), join(root, place));
    await chmod(join(root, place), 0o755);
  }
}

async function packInitramfs(root: string, initrd: string): Promise<void> {
  const script =
    'find . | LC_ALL=C sort | cpio -o -H newc --quiet --owner 0:0 | gzip -1 > "$1.part" && mv "$1.part" "$1"';
  await mkdir(dirname(initrd), { recursive: true });
  await tool('/bin/sh', ['-c', script, 'pack', initrd], root);
}

if (import.meta.main) {
  const outFolder = process.argv[2];
  if (outFolder === undefined) throw new Error('usage: node scripts/guest/build.ts FOLDER');
  const { kernel, initrd } = await buildGuest(outFolder);
  process.stdout.write(`${kernel}\n${initrd}\n`);
}
