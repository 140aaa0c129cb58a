import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CACHE = join(import.meta.dirname, '../../../node_modules/.cache');
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const INSTALL_TIMEOUT_MS = 600_000;

/** A folder with Debian 13's azure-cli and all it needs, unpacked and not installed; for chroot. */
export const trixieFolder = async (): Promise<string> => join(CACHE, 'azure-cli-2.74.0');

/** Why Debian 13's azure-cli cannot be had; fetches it first, its signatures checked by apt. */
export async function whyNoTrixie(): Promise<string | undefined> {
  const folder = await trixieFolder();
  if (await isThere(folder)) return undefined;
  if (process.getuid?.() !== 0) return 'a chroot is needed for Debian 13’s azure-cli, and only root can make one';
  const making = `${folder}.${randomBytes(4).toString('hex')}`;
  try {
    await unpack(making);
    await rename(making, folder);
    return undefined;
  } catch (error) {
    await rm(making, { recursive: true, force: true });
    if (await isThere(folder)) return undefined;
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    return `Debian 13’s azure-cli cannot be fetched (${why})`;
  }
}

async function unpack(root: string): Promise<void> {
  const apt = join(root, 'apt');
  for (const folder of ['lists/partial', 'archives/partial', 'etc/apt.conf.d', 'etc/preferences.d'])
    await mkdir(join(apt, folder), { recursive: true });
  await writeFile(join(apt, 'status'), '');
  await writeFile(join(apt, 'sources.list'), `deb [signed-by=${KEYRING}] ${await mirror()} trixie main\n`);
  const words = aptWords(apt);
  await aptGet([...words, 'update']);
  await aptGet([...words, '-y', '--no-install-recommends', '--download-only', 'install', 'base-files', 'azure-cli']);
  const archives = join(apt, 'archives');
  const packages = (await readdir(archives)).filter((name) => name.endsWith('.deb'));
  // the links /bin → usr/bin come with base-files
  const isFirst = (name: string): number => (name.startsWith('base-files_') ? 0 : 1);
  for (const name of packages.toSorted((a, b) => isFirst(a) - isFirst(b)))
    await run('dpkg-deb', ['-x', join(archives, name), root]);
  await rm(apt, { recursive: true });
  await mkdir(join(root, 'dev'), { recursive: true });
  const devices = { null: ['1', '3'], zero: ['1', '5'], random: ['1', '8'], urandom: ['1', '9'] };
  for (const [name, numbers] of Object.entries(devices))
    await run('mknod', ['-m', '666', join(root, 'dev', name), 'c', ...numbers]);
}

/** The one this system installs from. */
async function mirror(): Promise<string> {
  const { stdout } = await run('apt-get', ['indextargets', '--format', '$(SITE)']);
  const sites = [...new Set(stdout.split('\n'))].filter((site) => /\/debian\/?$/.test(site));
  return sites[0] ?? 'http://deb.debian.org/debian';
}

const aptWords = (apt: string): string[] =>
  [
    `Dir::State=${apt}`,
    `Dir::State::status=${join(apt, 'status')}`,
    `Dir::State::lists=${join(apt, 'lists')}`,
    `Dir::Cache=${apt}`,
    `Dir::Cache::archives=${join(apt, 'archives')}`,
    `Dir::Etc::sourcelist=${join(apt, 'sources.list')}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::Etc::preferencesparts=${join(apt, 'etc/preferences.d')}`,
    'Debug::NoLocking=1',
    'APT::Sandbox::User=root',
  ].flatMap((setting) => ['-o', setting]);

const aptGet = async (words: readonly string[]): Promise<void> => {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', [...words], { env, timeout: INSTALL_TIMEOUT_MS, maxBuffer: 1 << 26 });
};

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
