import { hash, subtle } from 'node:crypto';
import { canonicalJson } from '../lib/canonicalJson.ts';
import { type CodedError, isCoded } from '../lib/error.ts';
import type { Backend } from './backend.ts';
import { parseObject } from './format/jsonObject.ts';
import { FORMAT_NAME, parseKeysName } from './format/names.ts';
import { promisedSha256 } from './objectHash.ts';

type Digest = (bytes: Uint8Array) => string | Promise<string>;

/** What is wrong with an object in one place. */
export interface ObjectDamage {
  /** The object's name. */
  readonly object: string;
  /** `spoilt`: its bytes are not those of its name; `unreadable`: the place answers, but not for this object. */
  readonly kind: 'missing' | 'spoilt' | 'unreadable';
  readonly message: string;
}

export interface Examination {
  readonly verdict: 'sound' | ObjectDamage;
  /** Present when it is sound. */
  readonly bytes?: Uint8Array;
  /** True: the first read was bad, the second one good. */
  readonly erredOnce: boolean;
}

/**
 * Compares one object of one place with the SHA-256 in its name, or with the checksum it carries; needs no key.
 * Damage is what two reads agree on. Errors: StoreIoFailed when the place itself cannot be read.
 */
export const scrubObject = async (place: Backend, name: string): Promise<'sound' | ObjectDamage> =>
  (await examineObject(place, name)).verdict;

/** As `scrubObject`, with the bytes at hand. A thread that has no event loop to keep free hashes with `sha256Of`. */
export const examineObject = async (place: Backend, name: string, sha256 = sha256Beside): Promise<Examination> => {
  const first = await look(place, name, sha256);
  if (first instanceof Uint8Array) return { verdict: 'sound', bytes: first, erredOnce: false };
  const second = await look(place, name, sha256);
  if (second instanceof Uint8Array) return { verdict: 'sound', bytes: second, erredOnce: true };
  return { verdict: second, erredOnce: false };
};

const look = async (place: Backend, name: string, sha256: Digest): Promise<Uint8Array | ObjectDamage> => {
  let bytes: Uint8Array;
  try {
    bytes = await place.get(name);
  } catch (error) {
    if (isCoded(error, 'StoreObjectMissing')) return missing(place, name, error);
    if (isCoded(error, 'StoreDataDamaged')) return damage(name, 'spoilt', error.message);
    if (!isCoded(error, 'StoreIoFailed') || !(await answers(place))) throw error;
    return damage(name, 'unreadable', error.message);
  }
  const why = await whatIsWrong(name, bytes, sha256);
  return why === undefined ? bytes : damage(name, 'spoilt', `${name}: ${why}.`);
};

/** An object that has a size and no bytes is not missing: something is wrong with the place. */
const missing = async (place: Backend, name: string, error: CodedError): Promise<ObjectDamage> =>
  (await place.head(name)) ? damage(name, 'unreadable', error.message) : damage(name, 'missing', error.message);

const damage = (object: string, kind: ObjectDamage['kind'], message: string): ObjectDamage => ({
  object,
  kind,
  message,
});

/** Tells a bad object from a place that cannot be read at all. */
const answers = async (place: Backend): Promise<boolean> => {
  try {
    await place.get(FORMAT_NAME);
    return true;
  } catch (error) {
    if (isCoded(error)) return isCoded(error, 'StoreObjectMissing');
    throw error;
  }
};

/** Objects that carry no checksum: who has the keys, or the database, knows what they must hold. */
const PLAIN_JSON = /^(fmt|gc\/\d+|own\/\d+)$/;

/** Undefined: nothing, as far as can be told without a key. */
const whatIsWrong = async (name: string, bytes: Uint8Array, sha256: Digest): Promise<string | undefined> => {
  const promised = promisedSha256(name);
  if (promised !== undefined)
    return (await sha256(bytes)) === promised ? undefined : 'its bytes have another SHA-256 than its name';
  const isKeys = parseKeysName(name) !== undefined;
  if (!isKeys && !PLAIN_JSON.test(name)) return undefined;
  try {
    const { sha256: checksum, ...fields } = parseObject(name, bytes);
    const all = checksum === undefined ? fields : { ...fields, sha256: checksum };
    if (canonicalJson(all) !== Buffer.from(bytes).toString()) return 'it is not canonical JSON';
    if (!isKeys) return undefined;
    return checksum === hash('sha256', canonicalJson(fields), 'hex') ? undefined : 'its checksum is wrong';
  } catch (error) {
    if (isCoded(error, 'StoreDataDamaged')) return 'it is no JSON object';
    throw error;
  }
};

/** A pack is hashed beside the event loop, which is for others meanwhile. */
const sha256Beside: Digest = async (bytes) =>
  Buffer.from(await subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)).toString('hex');
