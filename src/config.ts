import { existsSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { CodedError } from './lib/error.ts';
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
  /** STRONGROOM_STORAGE, default storage.json in the data folder, where there is one: the places of stores. */
  readonly storageFile?: string;
  /** STRONGROOM_LIMITS, 'machinesInVault=5000,restoresInDay=100': those of Azure unless named. */
  readonly limits: Limits;
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
    ...(storageFile === undefined ? {} : { storageFile }),
    port,
    address: env.STRONGROOM_ADDRESS ?? '127.0.0.1',
    baseUrl: `https://${host}:${port}`,
    logLevel,
    limits: limitsOf(env.STRONGROOM_LIMITS ?? ''),
  };
}

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
