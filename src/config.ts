import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { CodedError } from './lib/error.ts';
import { type NotifySettings, notifySettings } from './notifierOptions.ts';
import { AZURE_LIMITS, type Limits } from './vault/limits.ts';

/** The server's configuration: the environment, read once. Every path is absolute. */
export interface Config {
  /** STRONGROOM_DATA, default `./data`: database, keys, stores, certificates, client.json. */
  readonly dataFolder: string;
  /** STRONGROOM_PORT, default 8443. */
  readonly port: number;
  /** STRONGROOM_ADDRESS, default 127.0.0.1: the one address listened on. */
  readonly address: string;
  /** STRONGROOM_HOST, default localhost: the name clients use, which the certificate is made for. */
  readonly host: string;
  /** STRONGROOM_DISK_ROOTS, folders divided by colons: where machines' disks may lie besides the data folder. */
  readonly diskRoots: readonly string[];
  /** STRONGROOM_IMAGES, default `images` in the data folder: what machines are made from. */
  readonly imageFolder?: string;
  /** STRONGROOM_ACCELERATOR: what runs the machines that are made here; `tcg` (default) everywhere, `kvm` where it works. */
  readonly accelerator: 'tcg' | 'kvm';
  /** STRONGROOM_BRIDGES, 'shop-net=br0,lab-net=br1': which virtual networks are bridges of this computer. */
  readonly bridges: Readonly<Record<string, string>>;
  /** STRONGROOM_STORAGE, default storage.json in the data folder, where there is one: the places of stores. */
  readonly storageFile?: string;
  /** STRONGROOM_OIDC: a JSON file of outside OpenID providers whose tokens come in. */
  readonly oidcFile?: string;
  /** STRONGROOM_AUDIT_DAYS: how long the audit log is kept; default 365, from 90. */
  readonly auditDays: number;
  /** STRONGROOM_LIMITS, 'machinesInVault=5000,restoresInDay=100': those of Azure unless named. */
  readonly limits: Limits;
  /** STRONGROOM_BLOB_ENDPOINT: where storage accounts are, 'host' (default, {account}.blob.{host}) or 'path' ({base}/blob/{account}). */
  readonly blobEndpoint: 'host' | 'path';
  /** STRONGROOM_WORKERS: threads of one transfer or restore, 0 to 64; 0 does it in the server's own, default one a CPU and two at least. */
  readonly workers: number;
  /** STRONGROOM_REQUESTS_PER_MINUTE, default 6000: of each principal. */
  readonly requestsPerMinute: number;
  /** How people are told of alerts. */
  readonly notify: NotifySettings;
  /** What clients call this server; URLs in answers are built on it, never on the Host header. */
  readonly baseUrl: string;
  /** STRONGROOM_LOG: trace, debug, info, warn (default), error, silent. */
  readonly logLevel: string;
}

const HOST_NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i;
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];

/** Errors: InvalidParameter, naming the variable and its legal values. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const port = Number(env.STRONGROOM_PORT ?? 8443);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new CodedError(
      'InvalidParameter',
      `STRONGROOM_PORT is '${env.STRONGROOM_PORT}': a whole number from 1 to 65535 is needed.`,
    );
  const logLevel = env.STRONGROOM_LOG ?? 'warn';
  if (!LOG_LEVELS.includes(logLevel))
    throw new CodedError(
      'InvalidParameter',
      `STRONGROOM_LOG is '${logLevel}': one of ${LOG_LEVELS.join(', ')} is needed.`,
    );
  const host = env.STRONGROOM_HOST ?? 'localhost';
  if (!HOST_NAME.test(host))
    throw new CodedError('InvalidParameter', `STRONGROOM_HOST is '${host}': a host name or an IPv4 address is needed.`);
  const diskRoots = (env.STRONGROOM_DISK_ROOTS ?? '').split(':').filter((folder) => folder !== '');
  const relative = diskRoots.find((folder) => !isAbsolute(folder));
  if (relative !== undefined)
    throw new CodedError(
      'InvalidParameter',
      `STRONGROOM_DISK_ROOTS names '${relative}': absolute folders are needed, divided by colons.`,
    );
  const dataFolder = resolve(env.STRONGROOM_DATA ?? 'data');
  const storageFile = storageFileOf(env.STRONGROOM_STORAGE, dataFolder);
  return {
    host,
    diskRoots,
    dataFolder,
    ...(env.STRONGROOM_IMAGES === undefined ? {} : { imageFolder: resolve(env.STRONGROOM_IMAGES) }),
    accelerator: acceleratorOf(env.STRONGROOM_ACCELERATOR ?? 'tcg'),
    bridges: bridgesOf(env.STRONGROOM_BRIDGES ?? ''),
    ...(storageFile === undefined ? {} : { storageFile }),
    port,
    address: env.STRONGROOM_ADDRESS ?? '127.0.0.1',
    blobEndpoint: blobEndpointOf(env.STRONGROOM_BLOB_ENDPOINT, host),
    notify: notifySettings(env, host),
    baseUrl: `https://${host}:${port}`,
    logLevel,
    ...(env.STRONGROOM_OIDC ? { oidcFile: resolve(env.STRONGROOM_OIDC) } : {}),
    auditDays: auditDaysOf(env.STRONGROOM_AUDIT_DAYS ?? '365'),
    workers: workersOf(env.STRONGROOM_WORKERS ?? String(Math.max(2, availableParallelism()))),
    requestsPerMinute: countOf('STRONGROOM_REQUESTS_PER_MINUTE', env.STRONGROOM_REQUESTS_PER_MINUTE ?? '6000'),
    limits: limitsOf(env.STRONGROOM_LIMITS ?? ''),
  };
}

/** Errors: InvalidParameter. */
const auditDaysOf = (text: string): number => {
  const days = Number(text);
  if (Number.isInteger(days) && days >= 90 && days <= 36_500) return days;
  throw new CodedError('InvalidParameter', `STRONGROOM_AUDIT_DAYS is '${text}': 90 to 36500 days are needed.`);
};

/** Errors: InvalidParameter. */
const countOf = (name: string, text: string): number => {
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text);
  throw new CodedError('InvalidParameter', `${name} is '${text}': a whole number from 1 is needed.`);
};

/** Errors: InvalidParameter. */
const workersOf = (text: string): number => {
  if (/^\d{1,2}$/.test(text) && Number(text) <= 64) return Number(text);
  throw new CodedError('InvalidParameter', `STRONGROOM_WORKERS is '${text}': a whole number from 0 to 64 is needed.`);
};

/** Errors: InvalidParameter. */
const limitsOf = (text: string): Limits => {
  const limits: Record<keyof Limits, number> = { ...AZURE_LIMITS };
  for (const setting of text.split(',').filter((one) => one.trim() !== '')) {
    const [, name = '', value = ''] = /^\s*(\w+)\s*=\s*(\d{1,9})\s*$/.exec(setting) ?? [];
    if (!Object.hasOwn(limits, name))
      throw new CodedError(
        'InvalidParameter',
        `STRONGROOM_LIMITS holds '${setting.trim()}': name=number is needed, divided by commas; legal names are ${Object.keys(limits).join(', ')}.`,
      );
    limits[name as keyof Limits] = Number(value);
  }
  return limits;
};

/** Errors: InvalidParameter. */
const acceleratorOf = (text: string): 'tcg' | 'kvm' => {
  if (text === 'tcg' || text === 'kvm') return text;
  throw new CodedError('InvalidParameter', `STRONGROOM_ACCELERATOR is '${text}': one of tcg, kvm is needed.`);
};

/** By network name in small letters. Errors: InvalidParameter. */
const bridgesOf = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    text
      .split(',')
      .filter((one) => one.trim() !== '')
      .map((one) => {
        const [, network, bridge] = /^\s*([\w.-]{1,80})=([A-Za-z0-9][\w.-]{0,14})\s*$/.exec(one) ?? [];
        if (network !== undefined && bridge !== undefined) return [network.toLowerCase(), bridge];
        throw new CodedError(
          'InvalidParameter',
          `STRONGROOM_BRIDGES holds '${one.trim()}': network=bridge is needed, divided by commas.`,
        );
      }),
  );

/** A machine without a name has no names below it. Errors: InvalidParameter. */
const blobEndpointOf = (given: string | undefined, host: string): Config['blobEndpoint'] => {
  const style = given ?? (/^[\d.]+$/.test(host) ? 'path' : 'host');
  if (style === 'host' || style === 'path') return style;
  throw new CodedError('InvalidParameter', `STRONGROOM_BLOB_ENDPOINT is '${style}': 'host' or 'path' is needed.`);
};

const storageFileOf = (named: string | undefined, dataFolder: string): string | undefined => {
  if (named !== undefined) return resolve(named);
  const usual = join(dataFolder, 'storage.json');
  return existsSync(usual) ? usual : undefined;
};

/** Node runs the TypeScript as it stands, and older SQLite can lose data when two connections checkpoint. */
export function requireRuntime(versions: Readonly<Record<string, string | undefined>>): void {
  const [major = 0] = numbers(versions.node);
  if (major < 26)
    throw new CodedError(
      'ToolMissing',
      `Node ${versions.node} runs this; 26 or newer is needed. Start with: npm start`,
    );
  const [a = 0, b = 0, c = 0] = numbers(versions.sqlite);
  if (a * 1e6 + b * 1e3 + c < 3_051_003)
    throw new CodedError(
      'ToolMissing',
      `SQLite ${versions.sqlite} is built into this Node; 3.51.3 or newer is needed (sqlite.org/wal.html#walresetbug).`,
    );
}

const numbers = (version = ''): number[] => version.split('.').map((part) => Number.parseInt(part, 10));
