import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import { fetchJson } from './fetchJson.ts';

const REFRESH_AFTER_MS = 3_600_000;
/** A token with an unknown `kid` makes the keys be fetched again, but not more often than this. */
const FLOOR_MS = 30_000;
/** A provider that cannot be reached is believed so long by the keys that it had. */
const STALE_AFTER_MS = 86_400_000;
const MAX_KEYS = 50;

interface Parts {
  readonly issuer: string;
  readonly jwksUri?: string | undefined;
  readonly ca?: string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The keys of a provider, fetched when they are first needed, each hour, and when a token names one that is unknown.
 * Never more than one fetch at a time, nor two within half a minute.
 */
export function remoteKeys(parts: Parts): JWTVerifyGetKey {
  const { clock, log, issuer } = parts;
  let keys: { readonly find: JWTVerifyGetKey; readonly fetchedAt: number } | undefined;
  let triedAt: number | undefined;
  let underWay: Promise<void> | undefined;

  const fetchKeys = async (): Promise<void> => {
    triedAt = clock.now();
    try {
      const found = await fetchKeySet(parts);
      keys = { find: createLocalJWKSet(found), fetchedAt: clock.now() };
    } catch (error) {
      log.warn({ err: error, issuer }, 'the keys of an issuer could not be fetched');
    }
  };
  const refresh = async (): Promise<void> => {
    if (underWay === undefined && triedAt !== undefined && clock.now() - triedAt < FLOOR_MS) return;
    underWay ??= fetchKeys().finally(() => (underWay = undefined));
    await underWay;
  };
  const known = (): JWTVerifyGetKey => {
    if (keys !== undefined && clock.now() - keys.fetchedAt <= STALE_AFTER_MS) return keys.find;
    throw new Error(`the keys of ${issuer} are not known`);
  };
  return async (header, token) => {
    if (header.kid === undefined) throw new TypeError('the token names no key');
    if (keys === undefined || clock.now() - keys.fetchedAt > REFRESH_AFTER_MS) await refresh();
    try {
      return await known()(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await refresh();
      return known()(header, token);
    }
  };
}

async function fetchKeySet({ issuer, jwksUri, ca }: Parts): Promise<JSONWebKeySet> {
  const found = (await fetchJson(jwksUri ?? (await discover(issuer, ca)), ca)) as Partial<JSONWebKeySet> | null;
  if (!Array.isArray(found?.keys)) throw new Error(`${issuer} has no key set`);
  // a symmetric key in a public document is no secret, and no key
  return { keys: found.keys.filter(({ kty }) => kty !== 'oct').slice(0, MAX_KEYS) };
}

async function discover(issuer: string, ca: string | undefined): Promise<string> {
  const url = `${issuer.replace(/\/+$/, '')}/.well-known/openid-configuration`;
  const found = (await fetchJson(url, ca)) as { readonly issuer?: unknown; readonly jwks_uri?: unknown } | null;
  if (found?.issuer !== issuer) throw new Error(`${url} is of another issuer`);
  const keys = found.jwks_uri;
  if (typeof keys !== 'string' || !URL.canParse(keys) || new URL(keys).protocol !== 'https:') {
    throw new Error(`${url} names no key set under https`);
  }
  return keys;
}
