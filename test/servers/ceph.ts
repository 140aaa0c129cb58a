import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { access, constants, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '../../src/lib/clock.ts';

/** A real S3 server for tests: Ceph's monitor, object daemon and S3 gateway as three processes on loopback. */
export interface CephNode extends S3User, AsyncDisposable {
  /** 'http://127.0.0.1:<port>' */
  readonly endpoint: string;
  readonly region: string;
  /** A further user without any right to others' buckets; `uid` of letters. */
  createUser(uid: string): Promise<S3User>;
  stop(): Promise<void>;
}

export interface S3User {
  /** As policies name it. */
  readonly arn: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const PACKAGES = ['ceph-mon', 'ceph-osd', 'radosgw', 'ceph-common'];
const PROGRAMS = ['ceph-mon', 'ceph-osd', 'radosgw', 'ceph', 'ceph-authtool', 'monmaptool', 'radosgw-admin'];
const INSTALL_TIMEOUT_MS = 300_000;
const STEP_TIMEOUT_MS = 60_000;
const START_TIMEOUT_MS = 120_000;

const run = promisify(execFile);

/** Why no node can be started here, for `skip`; installs Debian's packages first where it may. */
export const whyNoCeph = async (): Promise<string | undefined> => {
  const missing = await missingPrograms();
  if (missing.length === 0) return undefined;
  const need = `needs Debian's ${PACKAGES.join(', ')} (no ${missing.join(', ')} here)`;
  if (process.getuid?.() !== 0) return `${need}; only root can install them`;
  const options = { timeout: INSTALL_TIMEOUT_MS, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const aptGet = (...words: string[]): Promise<boolean> =>
    // another test file may be installing the same just now
    run('apt-get', ['-y', '-q', '-o', `DPkg::Lock::Timeout=${INSTALL_TIMEOUT_MS / 1000}`, ...words], options).then(
      () => true,
      () => false,
    );
  const install = (): Promise<boolean> => aptGet('install', '--no-install-recommends', ...PACKAGES);
  if (!(await install()) && !((await aptGet('update')) && (await install()))) {
    return `${need}; apt-get cannot install them`;
  }
  return (await missingPrograms()).length === 0 ? undefined : need;
};

/** Takes 20 to 40 seconds: once a test file. Errors: what a daemon that did not start wrote to its log. */
export const startCeph = async (): Promise<CephNode> => {
  const folder = await mkdtemp(join(tmpdir(), 'strongroom-ceph-'));
  const node = new Node(folder, await freePort());
  try {
    await node.start();
    return node;
  } catch (error) {
    const logs = await node.lastWords();
    await node.stop();
    throw new Error(`the Ceph node did not start\n${logs}`, { cause: error });
  }
};

class Node implements CephNode {
  readonly endpoint: string;
  readonly region = 'us-east-1';
  readonly arn = userArn('owner');
  readonly accessKeyId = randomBytes(10).toString('hex');
  readonly secretAccessKey = randomBytes(20).toString('hex');
  readonly #folder: string;
  readonly #gatewayPort: number;
  readonly #daemons: ChildProcess[] = [];
  /** The last chance when the test's process ends without `stop`. */
  readonly #killAll = (): void => {
    for (const daemon of this.#daemons) daemon.kill('SIGKILL');
  };

  constructor(folder: string, gatewayPort: number) {
    this.#folder = folder;
    this.#gatewayPort = gatewayPort;
    this.endpoint = `http://127.0.0.1:${gatewayPort}`;
    process.once('exit', this.#killAll);
  }

  async start(): Promise<void> {
    const path = (name: string): string => join(this.#folder, name);
    const fsid = randomUUID();
    const ports = { v2: await freePort(), v1: await freePort(), gateway: this.#gatewayPort };
    for (const name of ['mon', 'osd', 'gateway', 'run']) await mkdir(path(name));
    await writeFile(path('ceph.conf'), configuration(this.#folder, fsid, ports));
    for (const key of keysOf(path('keyring'))) await run('ceph-authtool', key);
    const monitors = ['--addv', 'a', `[v2:127.0.0.1:${ports.v2},v1:127.0.0.1:${ports.v1}]`];
    await run('monmaptool', ['--create', '--clobber', '--fsid', fsid, ...monitors, path('monmap')]);
    await this.#run('ceph-mon', ['--mkfs', '-i', 'a', '--monmap', path('monmap'), '--keyring', path('keyring')]);
    this.#spawn('ceph-mon', ['-i', 'a']);
    const disk = randomUUID();
    await this.#run('ceph', ['osd', 'new', disk]);
    await this.#run('ceph-osd', ['-i', '0', '--mkfs', '--osd-uuid', disk]);
    await this.#run('ceph', ['osd', 'crush', 'add', 'osd.0', '1', 'root=default', 'host=localhost']);
    this.#spawn('ceph-osd', ['-i', '0']);
    await until('the object daemon is up', async () => (await this.#run('ceph', ['osd', 'stat'])).includes('1 up'));
    this.#spawn('radosgw', ['-n', 'client.rgw']);
    await until('the gateway answers', async () => (await fetch(this.endpoint)).ok);
    await this.#makeUser('owner', this);
  }

  async createUser(uid: string): Promise<S3User> {
    const user = {
      arn: userArn(uid),
      accessKeyId: randomBytes(10).toString('hex'),
      secretAccessKey: randomBytes(20).toString('hex'),
    };
    await this.#makeUser(uid, user);
    return user;
  }

  async #makeUser(uid: string, user: S3User): Promise<void> {
    const keys = [`--access-key=${user.accessKeyId}`, `--secret-key=${user.secretAccessKey}`];
    const words = ['-n', 'client.rgw', 'user', 'create', `--uid=${uid}`, `--display-name=${uid}`, ...keys];
    await this.#run('radosgw-admin', words);
  }

  async #run(program: string, words: readonly string[]): Promise<string> {
    const { stdout } = await run(program, ['-c', join(this.#folder, 'ceph.conf'), ...words], {
      timeout: STEP_TIMEOUT_MS,
    });
    return stdout;
  }

  /** In the foreground: the process that was started is the one that is stopped. */
  #spawn(program: string, words: readonly string[]): void {
    const log = openSync(join(this.#folder, `${program}.out`), 'a');
    const all = ['-c', join(this.#folder, 'ceph.conf'), '-f', ...words];
    const daemon = spawn(program, all, { stdio: ['ignore', log, log] });
    closeSync(log);
    daemon.on('error', () => {});
    this.#daemons.push(daemon);
  }

  async lastWords(): Promise<string> {
    const files = ['ceph-mon.out', 'ceph-osd.out', 'radosgw.out'];
    const texts = files.map(async (file) => {
      const text = await readFile(join(this.#folder, file), 'utf8').catch(() => 'it was not started');
      return `${file}: ${text.slice(-1000)}`;
    });
    return (await Promise.all(texts)).join('\n');
  }

  async stop(): Promise<void> {
    process.off('exit', this.#killAll);
    for (const daemon of this.#daemons.splice(0).reverse()) {
      if (daemon.pid === undefined || daemon.exitCode !== null || daemon.signalCode !== null) continue;
      const ended = once(daemon, 'exit');
      // nothing of it is kept, so nothing has to be written
      daemon.kill('SIGKILL');
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

const userArn = (uid: string): string => `arn:aws:iam:::user/${uid}`;

const configuration = (
  folder: string,
  fsid: string,
  ports: { readonly v1: number; readonly v2: number; readonly gateway: number },
): string => `[global]
fsid = ${fsid}
mon initial members = a
mon host = [v2:127.0.0.1:${ports.v2},v1:127.0.0.1:${ports.v1}]
public network = 127.0.0.0/8
keyring = ${folder}/keyring
admin socket = ${folder}/run/$name.$pid.asok
run dir = ${folder}/run
log file =
log to stderr = true
mon data = ${folder}/mon
mon data avail warn = 2
mon data avail crit = 1
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 1000
auth allow insecure global id reclaim = false
osd data = ${folder}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd crush chooseleaf type = 0
[mon.a]
host = localhost
[client.rgw]
keyring = ${folder}/keyring
rgw data = ${folder}/gateway
rgw frontends = beast endpoint=127.0.0.1:${ports.gateway}
rgw thread pool size = 32
rgw gc max objs = 4
rgw lc max objs = 4
rgw enable usage log = false
rgw enable ops log = false
`;

/** Arguments of one `ceph-authtool` call a key. */
const keysOf = (keyring: string): readonly (readonly string[])[] => {
  const key = (name: string, ...caps: string[]): string[] => [
    ...[keyring, '--gen-key', '-n', name],
    ...caps.flatMap((cap) => ['--cap', ...cap.split('=')]),
  ];
  return [
    [...key('client.admin', 'mon=allow *', 'osd=allow *', 'mgr=allow *'), '--create-keyring'],
    key('mon.', 'mon=allow *'),
    key('osd.0', 'mon=allow profile osd', 'osd=allow *', 'mgr=allow profile osd'),
    key('client.rgw', 'mon=allow rw', 'osd=allow rwx'),
  ];
};

const missingPrograms = async (): Promise<readonly string[]> => {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  const isThere = async (program: string): Promise<boolean> => {
    const tries = folders.map((folder) =>
      access(join(folder, program), constants.X_OK).then(
        () => true,
        () => false,
      ),
    );
    return (await Promise.all(tries)).includes(true);
  };
  const there = await Promise.all(PROGRAMS.map(isThere));
  return PROGRAMS.filter((_, at) => !there[at]);
};

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
};

/** A daemon tells nobody when it is ready, so it is asked again and again. */
const until = async (what: string, isSo: () => Promise<boolean>): Promise<void> => {
  const deadline = systemClock.now() + START_TIMEOUT_MS;
  while (!(await isSo().catch(() => false))) {
    if (systemClock.now() > deadline) throw new Error(`waited ${START_TIMEOUT_MS} ms until ${what}`);
    await systemClock.sleep(200);
  }
};
