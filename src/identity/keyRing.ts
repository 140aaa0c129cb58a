import { join } from 'node:path';
import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JSONWebKeySet,
  type JWK,
  type JWTPayload,
  type JWTVerifyGetKey,
  SignJWT,
} from 'jose';
import type { Clock } from '../lib/clock.ts';
import { readIfThere, writePrivateFile } from './privateFile.ts';

/** The issuer's signing keys: the newest signs, the older ones still verify what they signed. */
export interface KeyRing {
  /** Public halves only, for `/discovery/v2.0/keys`. */
  jwks(): JSONWebKeySet;
  /** Never takes a key out of a token; a token without `kid`, or with an unknown one, has none. */
  readonly verificationKey: JWTVerifyGetKey;
  /** Signs with RS256. `typ` is 'at+jwt' for access tokens (RFC 9068). */
  sign(claims: JWTPayload, typ: string): Promise<string>;
  /** Makes a new key sign from now on. */
  rotate(): Promise<void>;
}

interface StoredKey {
  readonly kid: string;
  readonly createdAt: number;
  readonly privateJwk: JWK;
}

const ALGORITHM = 'RS256';
const ROTATE_AFTER_MS = 90 * 86_400_000;
/** Far longer than any token lives, and than clients keep the key set. */
const KEEP_AFTER_ROTATION_MS = 2 * 86_400_000;

/** Keys are kept in `folder`/signing-keys.json, readable by the owner alone, and rotated when they are 90 days old. */
export async function openKeyRing(options: { readonly folder: string; readonly clock: Clock }): Promise<KeyRing> {
  const { clock } = options;
  const path = join(options.folder, 'signing-keys.json');
  const text = await readIfThere(path);
  let keys = text === undefined ? [] : (JSON.parse(text) as { keys: StoredKey[] }).keys;
  let find = createLocalJWKSet(publicKeys(keys));

  const rotate = async (): Promise<void> => {
    const next = [await newKey(clock.now()), ...living(keys, clock.now())];
    await writePrivateFile(path, JSON.stringify({ keys: next }, null, 2));
    keys = next;
    find = createLocalJWKSet(publicKeys(keys));
  };

  const newest = keys[0];
  if (newest === undefined || clock.now() - newest.createdAt > ROTATE_AFTER_MS) await rotate();
  return {
    jwks: () => publicKeys(keys),
    verificationKey: (header, token) => {
      if (header.kid === undefined) throw new TypeError('the token names no key');
      return find(header, token);
    },
    sign: async (claims, typ) => {
      const signer = keys[0] as StoredKey;
      const header = { alg: ALGORITHM, kid: signer.kid, typ };
      return new SignJWT(claims).setProtectedHeader(header).sign(await importJWK(signer.privateJwk, ALGORITHM));
    },
    rotate,
  };
}

async function newKey(now: number): Promise<StoredKey> {
  const { privateKey } = await generateKeyPair(ALGORITHM, { modulusLength: 2048, extractable: true });
  const privateJwk = await exportJWK(privateKey);
  return { kid: await calculateJwkThumbprint(privateJwk), createdAt: now, privateJwk };
}

/** A key signed until its successor came, so it is the successor's age that counts. */
function living(keys: readonly StoredKey[], now: number): StoredKey[] {
  return keys.filter((_, index) => {
    const successor = keys[index - 1];
    return successor === undefined || now - successor.createdAt < KEEP_AFTER_ROTATION_MS;
  });
}

const publicKeys = (keys: readonly StoredKey[]): JSONWebKeySet => ({
  keys: keys.map(({ kid, privateJwk: { kty = 'RSA', n = '', e = '' } }) => ({
    kid,
    kty,
    n,
    e,
    use: 'sig',
    alg: ALGORITHM,
  })),
});
