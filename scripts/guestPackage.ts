import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { buildGuestPackages } from './guestPackage/build.ts';

/** Writes the guest extension's packages into a folder, `dist` when none is named. */
const folder = resolve(process.argv[2] ?? 'dist');
const { version, deb, tarball } = buildGuestPackages();
await mkdir(folder, { recursive: true });
for (const [ending, bytes] of [
  ['_all.deb', deb],
  ['.tar.gz', tarball],
] as const) {
  const path = join(folder, `strongroom-guest_${version}${ending}`);
  await writeFile(path, bytes);
  console.log(path);
}
