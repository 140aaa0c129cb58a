import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import type { PrincipalStore, SecretRecord, ServicePrincipal } from './principalStore.ts';

/** A new principal and its secret, which is shown this once and kept nowhere. */
export interface NewPrincipal {
  readonly principal: ServicePrincipal;
  readonly secret: string;
}

export async function createServicePrincipal(
  store: PrincipalStore,
  clock: Clock,
  about: { readonly tenantId: string; readonly displayName: string },
): Promise<NewPrincipal> {
  const { secret, record } = newSecret(clock.now());
  const principal = { appId: randomUUID(), objectId: randomUUID(), ...about, secrets: [record] };
  await store.save(principal);
  return { principal, secret };
}

/** Adds a secret, so that the old one can be replaced without a gap. */
export async function addSecret(store: PrincipalStore, clock: Clock, principal: ServicePrincipal): Promise<string> {
  const { secret, record } = newSecret(clock.now());
  await store.save({ ...principal, secrets: [...principal.secrets, record] });
  return secret;
}

/** Whether the secret is one of the principal's that has not expired. Looks at all of them, in constant time each. */
export function holdsSecret(principal: ServicePrincipal, secret: string, now: number): boolean {
  let found = false;
  for (const record of principal.secrets) {
    const same = timingSafeEqual(Buffer.from(record.hash, 'base64'), hashOf(record.salt, secret));
    if (same && (record.expiresAt === undefined || record.expiresAt > now)) found = true;
  }
  return found;
}

/** A secret and what is kept of it. */
export function newSecret(now: number, expiresAt?: number): { secret: string; record: SecretRecord } {
  // a secret that began with '-' would be an option to `az login -p`
  const secret = `s${randomBytes(32).toString('base64url')}`;
  const salt = randomBytes(16).toString('base64');
  const hash = Buffer.from(hashOf(salt, secret)).toString('base64');
  const end = expiresAt === undefined ? {} : { expiresAt };
  return { secret, record: { keyId: randomUUID(), salt, hash, createdAt: now, ...end } };
}

/** A salted hash is enough: secrets are 256 random bits of our own making, which no dictionary holds. */
const hashOf = (salt: string, secret: string): Uint8Array =>
  createHash('sha256').update(Buffer.from(salt, 'base64')).update(secret, 'utf8').digest();
