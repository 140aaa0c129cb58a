import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type ArchiveEntry, tar } from './tar.ts';

/** The guest extension as packages to be installed by hand, for guests whose agent may not run programs yet. */
export interface GuestPackages {
  readonly version: string;
  /** For Debian and what comes from it. */
  readonly deb: Uint8Array;
  /** The same files, to be unpacked at `/`. */
  readonly tarball: Uint8Array;
}

const ROOT = join(import.meta.dirname, '../..');
const FILES = join(import.meta.dirname, 'files');
const DOC = 'usr/share/doc/strongroom-guest';

/** Alike in every byte whenever it is made from the same files. */
export const buildGuestPackages = (): GuestPackages => {
  const program = readFileSync(join(ROOT, 'src/machine/extension/vm-snapshot.sh'));
  const version = /^VERSION=(\d+\.\d+)$/m.exec(program.toString())?.[1];
  if (version === undefined) throw new Error('the program of the guest extension says no version');
  const files: readonly ArchiveEntry[] = [
    { path: 'usr/lib/strongroom/vm-snapshot', mode: 0o700, bytes: program },
    { path: `${DOC}/README`, mode: 0o644, bytes: readFileSync(join(FILES, 'README')) },
    { path: `${DOC}/copyright`, mode: 0o644, bytes: readFileSync(join(ROOT, 'LICENSE')) },
    ...['VMSnapshotScriptPluginConfig.json', 'vmbackup.conf', 'pre.sh', 'post.sh'].map((name) => ({
      path: `${DOC}/examples/${name}`,
      mode: 0o644,
      bytes: readFileSync(join(FILES, name)),
    })),
  ];
  const data = gzipped(withFolders(files));
  const control = gzipped([
    { path: './control', mode: 0o644, bytes: Buffer.from(controlOf(version, files)) },
    { path: './md5sums', mode: 0o644, bytes: Buffer.from(files.map(md5Line).join('')) },
  ]);
  const deb = ar([
    ['debian-binary', Buffer.from('2.0\n')],
    ['control.tar.gz', control],
    ['data.tar.gz', data],
  ]);
  return { version, deb, tarball: data };
};

const controlOf = (version: string, files: readonly ArchiveEntry[]): string => {
  const sizeKiB = files.reduce((total, { bytes }) => total + Math.ceil(bytes.length / 1024), 0);
  return `Package: strongroom-guest
Version: ${version}
Architecture: all
Maintainer: Strongroom
Installed-Size: ${sizeKiB}
Depends: qemu-guest-agent, coreutils | busybox
Section: admin
Priority: optional
Description: application-consistent snapshots of this machine by Strongroom
 Runs the machine's own pre and post script around each snapshot that a
 Strongroom server takes of it, and the post script also when the server
 is heard of no more.
`;
};

const md5Line = ({ path, bytes }: ArchiveEntry): string =>
  `${createHash('md5').update(bytes).digest('hex')}  ${path}\n`;

/** With the folders above each file, every one before what is in it. */
const withFolders = (files: readonly ArchiveEntry[]): readonly ArchiveEntry[] => {
  const folders = new Set<string>();
  for (const { path } of files) {
    const parts = path.split('/').slice(0, -1);
    for (let depth = 1; depth <= parts.length; depth++) folders.add(`./${parts.slice(0, depth).join('/')}/`);
  }
  const entries = [...folders].map((path) => ({ path, mode: 0o755, bytes: Buffer.alloc(0) }));
  return [...entries, ...files.map((file) => ({ ...file, path: `./${file.path}` }))].sort((a, b) =>
    a.path < b.path ? -1 : 1,
  );
};

const gzipped = (entries: readonly ArchiveEntry[]): Uint8Array => gzipSync(tar(entries), { level: 9 });

/** The archive around a Debian package. */
const ar = (members: readonly (readonly [string, Uint8Array])[]): Uint8Array =>
  Buffer.concat([
    Buffer.from('!<arch>\n'),
    ...members.flatMap(([name, bytes]) => {
      const head = `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}`;
      return [
        Buffer.from(`${head}${String(bytes.length).padEnd(10)}\`\n`),
        bytes,
        Buffer.alloc(bytes.length % 2, '\n'),
      ];
    }),
  ]);
