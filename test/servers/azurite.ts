import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { access, copyFile, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

/** Azurite, the emulator of Azure Blob, as a process on loopback with its state in a temporary folder. */
export interface Azurite extends AsyncDisposable {
  /** 'http://127.0.0.1:<port>/<account>' */
  readonly endpoint: string;
  readonly accountName: string;
  /** Base64. */
  readonly accountKey: string;
  stop(): Promise<void>;
}

const MANIFEST = join(import.meta.dirname, 'azurite');
const CACHE = join(import.meta.dirname, '../../node_modules/.cache');
const INSTALL_TIMEOUT_MS = 300_000;

const run = promisify(execFile);

/** Why it cannot be started here, for `skip`; installs it first, by the lockfile beside its manifest. */
export const whyNoAzurite = async (): Promise<string | undefined> => {
  const folder = await installedFolder();
  if (await isThere(folder)) return undefined;
  const making = `${folder}.${randomBytes(4).toString('hex')}`;
  try {
    await mkdir(making, { recursive: true });
    for (const file of ['package.json', 'package-lock.json']) await copyFile(join(MANIFEST, file), join(making, file));
    // Debian's npm finds its own parts where Debian's Node looks for them
    const NODE_PATH = [process.env.NODE_PATH, '/usr/share/nodejs', '/usr/lib/nodejs'].filter(Boolean).join(':');
    await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: making,
      timeout: INSTALL_TIMEOUT_MS,
      env: { ...process.env, NODE_PATH },
    });
    await rename(making, folder);
    return undefined;
  } catch (error) {
    await rm(making, { recursive: true, force: true });
    if (await isThere(folder)) return undefined;
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    return `Azurite cannot be installed (${why})`;
  }
};

/** `as`: the address and keys of one that was stopped; it comes back empty. */
export const startAzurite = async (as?: Omit<Azurite, 'stop' | typeof Symbol.asyncDispose>): Promise<Azurite> => {
  const folder = await mkdtemp(join(tmpdir(), 'strongroom-azurite-'));
  const { accountName = 'vaultaccount', accountKey = randomBytes(64).toString('base64') } = as ?? {};
  const port = as ? new URL(as.endpoint).port : '0';
  const program = join(await installedFolder(), 'node_modules/azurite/dist/src/blob/main.js');
  const words = ['--blobHost', '127.0.0.1', '--blobPort', port, '--location', folder, '--disableTelemetry'];
  // the SDK asks for a newer version of the API than Azurite knows of
  const child = spawn(process.execPath, [program, ...words, '--skipApiVersionCheck'], {
    env: { ...process.env, AZURITE_ACCOUNTS: `${accountName}:${accountKey}` },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stop = (): Promise<void> => stopped(child, folder);
  try {
    const endpoint = `${await addressOf(child)}/${accountName}`;
    return { endpoint, accountName, accountKey, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
};

/** One for each content of the lockfile. */
const installedFolder = async (): Promise<string> => {
  const lockfile = await readFile(join(MANIFEST, 'package-lock.json'));
  const folder = join(CACHE, `azurite-${createHash('sha256').update(lockfile).digest('hex').slice(0, 12)}`);
  await mkdir(dirname(folder), { recursive: true });
  return folder;
};

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** As it prints it once it listens. */
const addressOf = async (child: ChildProcess): Promise<string> => {
  let said = '';
  child.stderr?.on('data', (text: Buffer) => {
    said = `${said}${text}`.slice(-1000);
  });
  const lines = createInterface({ input: child.stdout! });
  for await (const line of lines) {
    const address = /listens on (http:\/\/127\.0\.0\.1:\d+)/.exec(line)?.[1];
    if (address === undefined) continue;
    // what it goes on to print has to go somewhere
    child.stdout!.resume();
    return address;
  }
  throw new Error(`Azurite ended before it listened: ${said}`);
};

const stopped = async (child: ChildProcess, folder: string): Promise<void> => {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
  await rm(folder, { recursive: true, force: true });
};
