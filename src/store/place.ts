import { readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { CodedError } from '../lib/error.ts';
import type { BackendSpec, LockSpec, ReplicatedSpec } from './backend.ts';
import { type FieldRule, Fields } from './places/fields.ts';

/** A named place that storage is given out of: each store in it has its own folder, prefix or name. */
export type Place = DiskPlace | S3Place | AzureBlobPlace | DaemonPlace;

interface NamedPlace {
  /** 1 to 32 of [a-z0-9-]. */
  readonly name: string;
  /** The storage itself can keep objects from being deleted; docs/immutability.md. */
  readonly lock: boolean;
}

export interface DiskPlace extends NamedPlace {
  readonly kind: 'disk';
  /** Absolute; a store is a folder in it. */
  readonly folder: string;
}

/** Secrets stand in files of their own, so that this may be shown. */
export interface S3Place extends NamedPlace {
  readonly kind: 's3';
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  /** '' or segments that end in '/'. */
  readonly prefix: string;
  readonly accessKeyId: string;
  readonly secretAccessKeyFile: string;
  readonly caFile?: string;
  /** Who may delete; absent: the same. */
  readonly reaper?: { readonly accessKeyId: string; readonly secretAccessKeyFile: string };
}

export interface AzureBlobPlace extends NamedPlace {
  readonly kind: 'azureBlob';
  readonly endpoint: string;
  readonly container: string;
  readonly prefix: string;
  readonly accountName: string;
  readonly accountKeyFile: string;
  readonly caFile?: string;
  readonly reaper?: { readonly accountName: string; readonly accountKeyFile: string };
}

export interface DaemonPlace extends NamedPlace {
  readonly kind: 'daemon';
  readonly socket: string;
  /** The daemon's other door, the one that deletes; absent: the same. */
  readonly reaper?: { readonly socket: string };
}

/** The spec of one copy of a store. */
export type CopySpec = Exclude<BackendSpec, ReplicatedSpec>;

export interface PlaceUse {
  /** Every put is locked so; left out by a place that cannot lock. */
  readonly lock?: LockSpec;
  /** As who may delete; where the place knows no other, as who writes. */
  readonly asReaper?: boolean;
}

/**
 * One place as it stands in a configuration. `where` stands before the fields' names in errors.
 * Errors: InvalidParameter, naming field, rule and legal values.
 */
export const parsePlace = (value: unknown, where = 'place'): Place => {
  const fields = new Fields(value, where);
  const place = placeOf(fields, fields.text('kind', KIND) as Place['kind']);
  fields.end();
  return place;
};

function placeOf(fields: Fields, kind: Place['kind']): Place {
  const name = fields.text('name', PLACE_NAME);
  switch (kind) {
    case 'disk':
      return { kind, name, lock: false, folder: fields.text('folder', PATH) };
    case 's3':
      return { kind, name, lock: fields.flag('lock', false), ...s3Fields(fields) };
    case 'azureBlob':
      return { kind, name, lock: fields.flag('lock', false), ...azureBlobFields(fields) };
    case 'daemon': {
      const reaper = fields.object('reaper');
      const socket = fields.text('socket', PATH);
      return { kind, name, lock: fields.flag('lock', true), socket, ...reaperOf(reaper, { socket: PATH }) };
    }
  }
}

const s3Fields = (fields: Fields): Omit<S3Place, 'kind' | 'name' | 'lock'> => ({
  endpoint: fields.text('endpoint', ENDPOINT),
  region: fields.optionalText('region', WORD) ?? 'us-east-1',
  bucket: fields.text('bucket', BUCKET),
  prefix: fields.optionalText('prefix', PREFIX) ?? '',
  accessKeyId: fields.text('accessKeyId', WORD),
  secretAccessKeyFile: fields.text('secretAccessKeyFile', PATH),
  ...caFileOf(fields),
  ...reaperOf(fields.object('reaper'), { accessKeyId: WORD, secretAccessKeyFile: PATH }),
});

const azureBlobFields = (fields: Fields): Omit<AzureBlobPlace, 'kind' | 'name' | 'lock'> => ({
  endpoint: fields.text('endpoint', ENDPOINT),
  container: fields.text('container', BUCKET),
  prefix: fields.optionalText('prefix', PREFIX) ?? '',
  accountName: fields.text('accountName', WORD),
  accountKeyFile: fields.text('accountKeyFile', PATH),
  ...caFileOf(fields),
  ...reaperOf(fields.object('reaper'), { accountName: WORD, accountKeyFile: PATH }),
});

const caFileOf = (fields: Fields): { readonly caFile?: string } => {
  const caFile = fields.optionalText('caFile', PATH);
  return caFile === undefined ? {} : { caFile };
};

function reaperOf<Name extends string>(
  fields: Fields | undefined,
  rules: Readonly<Record<Name, FieldRule>>,
): { readonly reaper?: Readonly<Record<Name, string>> } {
  if (!fields) return {};
  const names = Object.keys(rules) as Name[];
  const reaper = Object.fromEntries(names.map((name) => [name, fields.text(name, rules[name])]));
  fields.end();
  return { reaper: reaper as Record<Name, string> };
}

const matches = (legal: string, pattern: RegExp): FieldRule => ({ legal, holds: (text) => pattern.test(text) });

const KINDS: readonly string[] = ['disk', 's3', 'azureBlob', 'daemon'];
const KIND: FieldRule = { legal: KINDS.join(', '), holds: (text) => KINDS.includes(text) };
const PLACE_NAME = matches('1 to 32 of [a-z0-9-]', /^[a-z0-9-]{1,32}$/);
const PATH: FieldRule = { legal: 'an absolute path', holds: isAbsolute };
const WORD = matches('1 to 256 characters without spaces', /^[^\s\p{C}]{1,256}$/u);
const BUCKET = matches('3 to 63 of [a-z0-9.-]', /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/);
const PREFIX = matches(
  "'' or segments of [A-Za-z0-9._-] that end in '/' and do not start with a dot",
  /^([A-Za-z0-9_-][A-Za-z0-9._-]*\/)*$/,
);
const ENDPOINT: FieldRule = {
  legal: 'an https:// URL without query (http:// for loopback addresses alone)',
  holds: (text) => {
    const url = URL.parse(text);
    if (url?.search !== '' || url.hash !== '' || url.username !== '') return false;
    return (
      url.protocol === 'https:' || (url.protocol === 'http:' && /^(127\.[0-9.]+|localhost|\[::1\])$/.test(url.hostname))
    );
  },
};

/**
 * Where the store of that name (1 to 64 of [A-Za-z0-9_-]) lies in the place. Reads the files of secrets.
 * Errors: StorePlaceUnsuitable (a secret's file that is missing or empty), InvalidParameter.
 */
export const specOf = async (place: Place, storeName: string, use: PlaceUse = {}): Promise<CopySpec> => {
  requireStoreName(storeName);
  const lock = place.lock && use.lock ? { lock: use.lock } : {};
  switch (place.kind) {
    case 'disk':
      return { kind: 'disk', folder: join(place.folder, storeName) };
    case 's3':
      return { ...(await s3Of(place, storeName, use)), ...lock };
    case 'azureBlob':
      return { ...(await azureBlobOf(place, storeName, use)), ...lock };
    case 'daemon': {
      const { socket } = (use.asReaper && place.reaper) || place;
      return { kind: 'daemon', socket, store: storeName, ...lock };
    }
  }
};

const requireStoreName = (storeName: string): void => {
  if (/^[A-Za-z0-9_-]{1,64}$/.test(storeName)) return;
  throw new CodedError('InvalidParameter', `The store name '${storeName}' is not 1 to 64 of [A-Za-z0-9_-].`);
};

async function s3Of(place: S3Place, storeName: string, use: PlaceUse): Promise<CopySpec> {
  const { accessKeyId, secretAccessKeyFile } = (use.asReaper && place.reaper) || place;
  return {
    kind: 's3',
    endpoint: place.endpoint,
    region: place.region,
    bucket: place.bucket,
    prefix: `${place.prefix}${storeName}/`,
    credentials: { accessKeyId, secretAccessKey: await readSecret(place, secretAccessKeyFile) },
    ...(place.caFile === undefined ? {} : { caFile: place.caFile }),
  };
}

async function azureBlobOf(place: AzureBlobPlace, storeName: string, use: PlaceUse): Promise<CopySpec> {
  const { accountName, accountKeyFile } = (use.asReaper && place.reaper) || place;
  return {
    kind: 'azureBlob',
    endpoint: place.endpoint,
    container: place.container,
    prefix: `${place.prefix}${storeName}/`,
    credentials: { accountName, accountKey: await readSecret(place, accountKeyFile) },
    ...(place.caFile === undefined ? {} : { caFile: place.caFile }),
  };
}

async function readSecret(place: Place, path: string): Promise<string> {
  const secret = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CodedError('StorePlaceUnsuitable', `The place '${place.name}' needs the file ${path}: ${String(cause)}`, {
      recommendations: ['Write the secret into that file, readable by the server alone.'],
      cause,
    });
  });
  if (secret.trim() !== '') return secret.trim();
  throw new CodedError('StorePlaceUnsuitable', `The file ${path} of the place '${place.name}' is empty.`, {
    recommendations: ['Write the secret into that file, readable by the server alone.'],
  });
}
