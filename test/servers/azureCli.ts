import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { trixieFolder, whyNoTrixie } from './azureCli/trixie.ts';

export interface AzResult {
  /** 0, 1, 2 (usage), 3 (not found). */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type AzVersion = '2.45.0' | '2.74.0';

const run = promisify(execFile);
const DRIVER = join(import.meta.dirname, 'azureCli/driver.py');
const INSTALL_TIMEOUT_MS = 600_000;

/** Why this Azure CLI cannot be run here, for `skip`; installs it first: 2.45 from Debian 12, 2.74 from Debian 13 beside it. */
export async function whyNoAz(version: AzVersion): Promise<string | undefined> {
  if (version === '2.74.0') return whyNoTrixie();
  try {
    if (!(await isThere('/usr/bin/az'))) {
      if (process.getuid?.() !== 0) return 'azure-cli is not installed, and only root can install it';
      const words = ['-o', 'DPkg::Lock::Timeout=300', '-y', '--no-install-recommends', 'install', 'azure-cli'];
      const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
      await run('apt-get', words, { env, timeout: INSTALL_TIMEOUT_MS, maxBuffer: 1 << 26 });
    }
    const { stdout } = await run('/usr/bin/python3', ['-c', 'import azure.cli.core as core; print(core.__version__)']);
    return stdout.trim() === version ? undefined : `the azure-cli of this system is ${stdout.trim()}, not ${version}`;
  } catch (error) {
    return `azure-cli cannot be installed (${firstLine(error)})`;
  }
}

/** The unmodified CLI with a configuration of its own; commands run one after the other. */
export class AzureCli implements AsyncDisposable {
  readonly version: AzVersion;
  /** Where it runs, as this process sees it; files that commands write stand here. */
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #inside: string;

  private constructor(version: AzVersion, places: { folder: string; inside: string }, child: ChildProcess) {
    this.version = version;
    this.folder = places.folder;
    this.#inside = places.inside;
    this.#child = child;
    this.#answers = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  }

  /** `caFile`: whom it trusts. */
  static async start(version: AzVersion, caFile: string): Promise<AzureCli> {
    const root = version === '2.74.0' ? await trixieFolder() : '';
    await mkdir(join(root, tmpdir()), { recursive: true });
    const folder = await mkdtemp(join(root, tmpdir(), 'az-'));
    const inside = folder.slice(root.length);
    await copyFile(caFile, join(folder, 'ca.pem'));
    await copyFile(DRIVER, join(folder, 'driver.py'));
    if (root !== '') await completeRoot(root, caFile);
    const env = {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: inside,
      LANG: 'C.UTF-8',
      AZURE_CONFIG_DIR: join(inside, 'config'),
      REQUESTS_CA_BUNDLE: join(inside, 'ca.pem'),
      AZURE_CORE_COLLECT_TELEMETRY: 'no',
      AZURE_CORE_ERROR_RECOMMENDATION: 'off',
      AZURE_EXTENSION_USE_DYNAMIC_INSTALL: 'no',
      AZURE_CORE_INSTANCE_DISCOVERY: 'false',
    };
    const python = ['/usr/bin/python3', join(inside, 'driver.py')];
    const [command, ...words] = root === '' ? python : ['/usr/sbin/chroot', root, ...python];
    const child = spawn(command!, words, { env, stdio: ['pipe', 'pipe', 'inherit'] });
    const az = new AzureCli(version, { folder, inside }, child);
    await az.#answer(); // it is ready
    return az;
  }

  /** Registers the server as a cloud and signs in. */
  async login(client: { endpoint: string; clientId: string; clientSecret: string; tenantId: string }): Promise<void> {
    await this.ok('cloud', 'register', '-n', 'Strongroom', '--endpoint-resource-manager', client.endpoint);
    await this.ok('cloud', 'set', '-n', 'Strongroom');
    await this.signIn(client);
  }

  /** As a service principal. */
  async signIn(client: { clientId: string; clientSecret: string; tenantId: string }): Promise<void> {
    const { clientId, clientSecret, tenantId } = client;
    await this.ok('login', '--service-principal', '-u', clientId, '-p', clientSecret, '--tenant', tenantId);
  }

  /** What was run, word by word. */
  readonly history: (readonly string[])[] = [];

  async run(...words: readonly string[]): Promise<AzResult> {
    this.history.push(words);
    this.#child.stdin!.write(`${JSON.stringify({ words, folder: this.#inside })}\n`);
    return (await this.#answer()) as AzResult;
  }

  /** What a command that succeeds prints, parsed; undefined when it prints nothing. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read any answer
  async ok(...words: readonly string[]): Promise<any> {
    const { code, stdout, stderr } = await this.run(...words);
    if (code !== 0) throw new Error(`az ${this.version} ${words.join(' ')}: exit code ${code}\n${stderr}`);
    return stdout.trim() === '' ? undefined : (JSON.parse(stdout) as unknown);
  }

  /** What a command that fails says. */
  async fails(...words: readonly string[]): Promise<AzResult> {
    const result = await this.run(...words);
    if (result.code === 0)
      throw new Error(`az ${this.version} ${words.join(' ')} was expected to fail:\n${result.stdout}`);
    return result;
  }

  /** 'backup vault create' … */
  async commandsOf(group: string): Promise<readonly string[]> {
    this.#child.stdin!.write(`${JSON.stringify({ list: group })}\n`);
    return ((await this.#answer()) as { commands: readonly string[] }).commands;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.stdin!.end();
    await exited;
    await rm(this.folder, { recursive: true, force: true });
  }

  async #answer(): Promise<unknown> {
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`az ${this.version}: its driver ended`);
    return JSON.parse(value as string) as unknown;
  }
}

/** What installation would have made: names of this machine, and the bundle that Debian's requests reads when it is loaded. */
async function completeRoot(root: string, caFile: string): Promise<void> {
  await copyFile('/etc/hosts', join(root, 'etc/hosts'));
  await mkdir(join(root, 'etc/ssl/certs'), { recursive: true });
  await copyFile(caFile, join(root, 'etc/ssl/certs/ca-certificates.crt'));
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

const firstLine = (error: unknown): string => (error instanceof Error ? error.message.split('\n')[0]! : String(error));
