import { CodedError } from '../../lib/error.ts';

/** Names of a store's objects; docs/store-format.md, "Objects". */
export const FORMAT_NAME = 'fmt';

const SEGMENT = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;
const PACK = /^p\/([0-9a-f]{2})\/([0-9a-f]{32})\.(\d{1,9})\.([0-9a-f]{64})$/;
const COMMIT = /^rp\/([A-Za-z0-9_-]{1,64})\/(\d{12})-([A-Za-z0-9_-]{1,64})\.([0-9a-f]{64})$/;
const KEYS = /^keys\/([1-9]\d{0,8})$/;
const NAME_PART = /^[A-Za-z0-9_-]{1,64}$/;
const MAX_CSEQ = 999_999_999_999;

export interface PackName {
  readonly name: string;
  readonly packId: string;
  readonly generation: number;
  readonly sha256: string;
}

export const isObjectName = (name: string): boolean =>
  name.length <= 512 && name.split('/').every((segment) => SEGMENT.test(segment));

/** Errors: InvalidParameter. */
export const assertObjectName = (name: string): void => {
  if (isObjectName(name)) return;
  throw new CodedError(
    'InvalidParameter',
    `'${name}' cannot name an object: segments of letters, digits, '.', '_' and '-' that do not start with a dot, joined by '/'; 512 characters at most.`,
    { target: 'name' },
  );
};

export const packPrefix = (packId: string): string => `p/${packId.slice(0, 2)}/${packId}.`;

export const packName = (packId: string, generation: number, sha256: string): string =>
  `${packPrefix(packId)}${generation}.${sha256}`;

export const parsePackName = (name: string): PackName | undefined => {
  const [, folder, packId, generation, sha256] = PACK.exec(name) ?? [];
  if (!packId || !sha256 || !packId.startsWith(folder!)) return undefined;
  return { name, packId, generation: Number(generation), sha256 };
};

export interface ParsedCommitName {
  readonly name: string;
  readonly itemId: string;
  readonly cseq: number;
  readonly pointId: string;
  readonly sha256: string;
}

/** Errors: InvalidParameter when an id or the number cannot be part of a name. */
export const commitName = (itemId: string, cseq: number, pointId: string, sha256: string): string => {
  for (const [field, value] of Object.entries({ itemId, pointId })) {
    if (NAME_PART.test(value)) continue;
    throw new CodedError('InvalidParameter', `${field} '${value}' must be 1 to 64 letters, digits, '_' or '-'.`, {
      target: field,
    });
  }
  if (!Number.isSafeInteger(cseq) || cseq < 0 || cseq > MAX_CSEQ) {
    throw new CodedError('InvalidParameter', `cseq ${cseq} must be an integer from 0 to ${MAX_CSEQ}.`, {
      target: 'cseq',
    });
  }
  return `rp/${itemId}/${String(cseq).padStart(12, '0')}-${pointId}.${sha256}`;
};

export const parseCommitName = (name: string): ParsedCommitName | undefined => {
  const [, itemId, cseq, pointId, sha256] = COMMIT.exec(name) ?? [];
  if (!itemId || !pointId || !sha256) return undefined;
  return { name, itemId, cseq: Number(cseq), pointId, sha256 };
};

export const keysName = (number: number): string => `keys/${number}`;

export const parseKeysName = (name: string): number | undefined => {
  const number = KEYS.exec(name)?.[1];
  return number === undefined ? undefined : Number(number);
};

/** Put before the deletions of that number begin. */
export const gcName = (gcSeq: number): string => `gc/${gcSeq}`;

export const parseGcName = (name: string): number | undefined => {
  const number = /^gc\/([1-9]\d{0,14})$/.exec(name)?.[1];
  return number === undefined ? undefined : Number(number);
};

/** A claim: the server that put the highest one decides about this store. */
export const ownerName = (number: number): string => `own/${number}`;

export const parseOwnerName = (name: string): number | undefined => {
  const number = /^own\/([1-9]\d{0,14})$/.exec(name)?.[1];
  return number === undefined ? undefined : Number(number);
};

export const checkpointName = (cseq: number, sha256: string): string =>
  `ck/${String(cseq).padStart(12, '0')}.${sha256}`;

export const parseCheckpointName = (name: string): { readonly cseq: number; readonly sha256: string } | undefined => {
  const [, cseq, sha256] = /^ck\/(\d{12})\.([0-9a-f]{64})$/.exec(name) ?? [];
  return cseq === undefined || sha256 === undefined ? undefined : { cseq: Number(cseq), sha256 };
};

/** `time`: yyyymmddThhmmssZ; `part` from 1, absent for the object that ends the copy. */
export interface DatabaseCopyName {
  readonly time: string;
  readonly part?: number;
  readonly sha256: string;
}

export const databaseCopyName = ({ time, part, sha256 }: DatabaseCopyName): string =>
  `db/${time}${part === undefined ? '' : `-${part}`}.${sha256}`;

export const parseDatabaseCopyName = (name: string): DatabaseCopyName | undefined => {
  const [, time, part, sha256] = /^db\/(\d{8}T\d{6}Z)(?:-([1-9]\d{0,6}))?\.([0-9a-f]{64})$/.exec(name) ?? [];
  if (time === undefined || sha256 === undefined) return undefined;
  return { time, sha256, ...(part !== undefined && { part: Number(part) }) };
};
