import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { CodedError } from '../../lib/error.ts';

/** What a token lets its holder do: restore this one point from the second region, until then. */
export interface CrossRegionGrant {
  readonly vaultId: string;
  readonly itemId: string;
  readonly pointId: string;
  /** Who asked for it: nobody else can use it. */
  readonly principalId: string;
  /** ms. */
  readonly expiresAt: number;
}

export const GRANT_LIFETIME_MS = 15 * 60_000;

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Of this process: a token does not outlive it. */
const KEY = randomBytes(32);
const PURPOSE = Buffer.from('cross-region restore');

/** Sealed with AES-256-GCM: clients can neither read nor make one. */
export function sealGrant(grant: CrossRegionGrant): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', KEY, nonce).setAAD(PURPOSE);
  const sealed = [nonce, cipher.update(JSON.stringify(grant), 'utf8'), cipher.final(), cipher.getAuthTag()];
  return Buffer.concat(sealed).toString('base64');
}

/** Errors: AuthorizationFailed. */
export function openGrant(token: string, principalId: string, now: number): CrossRegionGrant {
  const grant = decrypt(Buffer.from(token.slice(0, 4096), 'base64'));
  if (grant.principalId !== principalId) throw refused('was given to another caller');
  if (grant.expiresAt < now) throw refused('has expired');
  return grant;
}

function decrypt(bytes: Uint8Array): CrossRegionGrant {
  const tagAt = bytes.length - TAG_BYTES;
  if (tagAt <= NONCE_BYTES) throw refused('is not one of this server');
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', KEY, nonce, { authTagLength: TAG_BYTES })
    .setAAD(PURPOSE)
    .setAuthTag(bytes.subarray(tagAt));
  try {
    const plain = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, tagAt)), decipher.final()]);
    return JSON.parse(plain.toString('utf8')) as CrossRegionGrant;
  } catch (error) {
    throw refused('is not one of this server, as it runs now', error);
  }
}

const refused = (why: string, cause?: unknown): CodedError =>
  new CodedError('AuthorizationFailed', `The access token of the cross-region restore ${why}.`, {
    target: 'crossRegionRestoreAccessDetails.accessTokenString',
    recommendations: ["Ask for a new one at the recovery point: POST '…/accessToken'."],
    cause,
  });
