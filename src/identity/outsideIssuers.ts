import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { JWTPayload } from 'jose';
import type { Principal } from '../arm/principal.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import { remoteKeys } from './outside/remoteKeys.ts';
import { type OutsideSettings, readOutsideSettings } from './outside/settings.ts';
import type { PrincipalStore } from './principalStore.ts';
import type { TrustedIssuer } from './verifier.ts';

interface Parts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly principals: PrincipalStore;
}

const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/;

/**
 * The OpenID providers of a settings file, whose tokens come in besides our own. Their keys are fetched when a token
 * needs them. Errors: InvalidParameter.
 */
export async function openOutsideIssuers(file: string | undefined, parts: Parts): Promise<readonly TrustedIssuer[]> {
  if (file === undefined) return [];
  const settings = await readOutsideSettings(file);
  return Promise.all(settings.map((one) => trusted(one, parts)));
}

/** The id that role assignments name for a subject of an issuer: an UUID (version 5) of both. */
export function outsideObjectId(issuer: string, subject: string): string {
  const hash = createHash('sha1').update(`${issuer}\n${subject}`).digest();
  hash[6] = (hash[6]! & 0x0f) | 0x50;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}

async function trusted(settings: OutsideSettings, { clock, log, principals }: Parts): Promise<TrustedIssuer> {
  const { issuer, audiences, jwksUri, algorithms, tokenType } = settings;
  const ca = settings.caFile === undefined ? undefined : await readFile(settings.caFile, 'utf8');
  return {
    issuer,
    audiences,
    keys: remoteKeys({ issuer, jwksUri, ca, clock, log }),
    requiredClaims: [],
    ...(algorithms === undefined ? {} : { algorithms }),
    ...(tokenType === undefined ? {} : { tokenType }),
    accept: async (claims) => {
      const principal = principalOf(settings, claims);
      if (typeof principal === 'string') return principal;
      // an outside provider does not speak for those who sign in here
      return (await principals.findById(principal.objectId)) === undefined ? principal : 'its object id is taken here';
    },
  };
}

function principalOf(settings: OutsideSettings, claims: JWTPayload): Principal | string {
  const names = settings.claims ?? {};
  const read = (name: string): string | undefined => {
    const value = claims[name];
    return typeof value === 'string' && value !== '' && value.length <= 512 ? value : undefined;
  };
  const subject = read(names.subject ?? 'sub');
  if (subject === undefined) return `its claim '${names.subject ?? 'sub'}' is no text`;
  const tenantId = read(names.tenantId ?? 'tid') ?? settings.issuer;
  if (settings.tenants !== undefined && !settings.tenants.includes(tenantId)) return 'its tenant is not allowed';
  const isGiven = settings.objectId === 'asGiven';
  if (isGiven && !UUID.test(subject.toLowerCase())) return `its claim '${names.subject ?? 'sub'}' is no UUID`;
  const objectId = isGiven ? subject.toLowerCase() : outsideObjectId(settings.issuer, subject);
  const appId = read(names.appId ?? 'azp') ?? read('appid') ?? read('client_id') ?? settings.issuer;
  return { objectId, tenantId, appId, name: read(names.name ?? 'preferred_username') ?? read('name') ?? subject };
}
