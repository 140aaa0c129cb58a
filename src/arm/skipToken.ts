import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { CodedError } from '../lib/error.ts';

/** What a token holds good for: the caller, the list and its filter. Another request cannot use it. */
export interface SkipTokenScope {
  readonly principalId: string;
  readonly path: string;
  readonly filter: string;
}

const LIFETIME_MS = 3_600_000;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const MAX_LENGTH = 4096;

/** Seals list cursors for one hour with AES-256-GCM, so that a client can neither read nor make one. */
export class SkipTokens {
  readonly #key: Uint8Array;
  readonly #clock: Clock;

  /** `key`: 32 bytes. */
  constructor(key: Uint8Array, clock: Clock) {
    this.#key = key;
    this.#clock = clock;
  }

  seal(cursor: string, scope: SkipTokenScope): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(binding(scope));
    const plain = JSON.stringify({ cursor, expiresAt: this.#clock.now() + LIFETIME_MS });
    return Buffer.concat([nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(
      'base64url',
    );
  }

  /** Errors: InvalidSkipToken. */
  open(token: string, scope: SkipTokenScope): string {
    const bytes = Buffer.from(token.slice(0, MAX_LENGTH), 'base64url');
    if (token.length > MAX_LENGTH || bytes.length < NONCE_BYTES + TAG_BYTES) throw refused('is not one of this server');
    const plain = decrypt(this.#key, bytes, binding(scope));
    const { cursor, expiresAt } = JSON.parse(plain) as { cursor: string; expiresAt: number };
    if (expiresAt < this.#clock.now()) throw refused('has expired; begin the list again');
    return cursor;
  }
}

function decrypt(key: Uint8Array, bytes: Uint8Array, aad: Uint8Array): string {
  const tagAt = bytes.length - TAG_BYTES;
  const options = { authTagLength: TAG_BYTES };
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), options)
    .setAAD(aad)
    .setAuthTag(bytes.subarray(tagAt));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, tagAt)), decipher.final()]).toString('utf8');
  } catch (error) {
    throw refused('is not one of this server for this list, filter and caller', error);
  }
}

const binding = (scope: SkipTokenScope): Uint8Array =>
  createHash('sha256')
    .update(JSON.stringify([scope.principalId, scope.path.toLowerCase(), scope.filter]))
    .digest();

const refused = (why: string, cause?: unknown): CodedError =>
  new CodedError('InvalidSkipToken', `The $skipToken ${why}.`, { target: '$skipToken', cause });
