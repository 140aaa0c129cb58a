import { decodeJwt, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type { Authenticate, Principal } from '../arm/principal.ts';
import { type Clock, isoTime } from '../lib/clock.ts';
import { CodedError } from '../lib/error.ts';
import type { PrincipalStore } from './principalStore.ts';
import { VerifiedTokens } from './verifiedTokens.ts';

/** Whose tokens come in. */
export interface TrustedIssuer {
  /** The exact `iss`. */
  readonly issuer: string;
  /** A fixed key set; keys are never taken from a token. */
  readonly keys: JWTVerifyGetKey;
  /** Any one of them must be the token's `aud`. */
  readonly audiences: readonly string[];
  /** 'at+jwt' for our own issuer; absent where the issuer sets another or none. */
  readonly tokenType?: string;
  /** Signature algorithms; default RS256 and ES256. */
  readonly algorithms?: readonly string[];
  /** Claims that must be there besides `exp`, `iat` and `sub`; default `tid`, `oid` and `appid`. */
  readonly requiredClaims?: readonly string[];
  /**
   * Who it is, by claims that are verified; default: by `oid`, `tid` and `appid`. A text tells why he may not
   * come in after all.
   */
  readonly accept?: (claims: JWTPayload) => Promise<Principal | string>;
}

const ALGORITHMS = ['RS256', 'ES256'];
const OWN_CLAIMS = ['tid', 'oid', 'appid'];
const CLOCK_TOLERANCE_SECONDS = 60;
const MAX_TOKEN_AGE = '24h';
const MAX_LENGTH = 12_288;
const BEARER = /^Bearer ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/i;
/** `resource` scopes some clients ask for whatever endpoint they are given. */
const CLOUD_AUDIENCES = ['https://management.azure.com', 'https://management.core.windows.net'];

/** What clients of storage ask tokens for, whatever cloud they are in; good for the blob endpoint alone. */
export const STORAGE_AUDIENCES: readonly string[] = ['https://storage.azure.com', 'https://storage.azure.com/'];

/** Our own base URL, with and without slash; with `acceptCloud` the cloud's own management audiences too. */
export function armAudiences(baseUrl: string, acceptCloud: boolean): readonly string[] {
  const own = baseUrl.replace(/\/+$/, '');
  return [own, ...(acceptCloud ? CLOUD_AUDIENCES : [])].flatMap((audience) => [audience, `${audience}/`]);
}

/** Errors: AuthenticationFailed without a header; InvalidAuthenticationToken; ExpiredAuthenticationToken. */
export function createVerifier(options: {
  readonly issuers: readonly TrustedIssuer[];
  readonly clock: Clock;
}): Authenticate {
  const verified = new VerifiedTokens();
  return async (authorization) => {
    if (authorization === undefined || authorization === '') {
      throw new CodedError('AuthenticationFailed', "Authentication failed. The 'Authorization' header is missing.");
    }
    const token = authorization.length > MAX_LENGTH ? undefined : BEARER.exec(authorization)?.[1];
    if (token === undefined) throw invalid('it is not a signed bearer token');
    const issuer = trustedIssuer(token, options.issuers);
    const now = options.clock.now();
    const known = verified.find(token, now);
    const claims = known ?? (await verify(token, issuer, now));
    if (known === undefined) verified.keep(token, claims, now);
    if (issuer.accept === undefined) return principalOf(claims);
    const principal = await issuer.accept(claims);
    if (typeof principal === 'string') throw invalid(principal);
    return principal;
  };
}

/** Reads the unverified `iss` only to choose which issuer's keys and rules the token must then satisfy. */
function trustedIssuer(token: string, issuers: readonly TrustedIssuer[]): TrustedIssuer {
  let claimed: unknown;
  try {
    claimed = decodeJwt(token).iss;
  } catch (error) {
    throw invalid('it is not a JSON Web Token', error);
  }
  const found = issuers.find((issuer) => issuer.issuer === claimed);
  if (found === undefined) throw invalid('its issuer is not trusted');
  return found;
}

async function verify(token: string, issuer: TrustedIssuer, now: number): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, issuer.keys, {
      algorithms: [...(issuer.algorithms ?? ALGORITHMS)],
      issuer: issuer.issuer,
      audience: [...issuer.audiences],
      requiredClaims: ['exp', 'iat', 'sub', ...(issuer.requiredClaims ?? OWN_CLAIMS)],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      maxTokenAge: MAX_TOKEN_AGE,
      currentDate: new Date(now),
      ...(issuer.tokenType === undefined ? {} : { typ: issuer.tokenType }),
    });
    return payload;
  } catch (error) {
    // jose calls a token that was issued too long ago expired as well; its `exp` would make a false message.
    if (error instanceof errors.JWTExpired && error.claim === 'exp') throw expired(error, now);
    if (error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired)
      throw invalid(`its claim '${error.claim}' does not fit`, error);
    throw invalid('its signature or header could not be verified', error);
  }
}

/**
 * For our own tokens: the principal must still be there and enabled, and not have been signed out since. A token tells
 * its time in whole seconds.
 */
export const stillWelcome =
  (principals: PrincipalStore): NonNullable<TrustedIssuer['accept']> =>
  async (claims) => {
    const principal = principalOf(claims);
    const found = await principals.findById(principal.objectId);
    if (found === undefined) return 'its principal is no longer there';
    if (found.disabled === true) return 'its principal is disabled';
    const isOlder = found.validFrom !== undefined && (claims.iat ?? 0) < Math.floor(found.validFrom / 1000);
    return isOlder ? 'its principal was signed out since' : principal;
  };

function principalOf(payload: JWTPayload): Principal {
  const { oid, tid, appid, upn, app_displayname: appName } = payload;
  const name = upn ?? appName;
  if (typeof oid !== 'string' || typeof tid !== 'string' || typeof appid !== 'string') {
    throw invalid("one of its claims 'oid', 'tid' and 'appid' is no text");
  }
  return { objectId: oid, tenantId: tid, appId: appid, name: typeof name === 'string' ? name : appid };
}

function expired(error: errors.JWTExpired, now: number): CodedError {
  const at = typeof error.payload.exp === 'number' ? `'${isoTime(error.payload.exp * 1000)}' ` : '';
  const message = `The access token expiry UTC time ${at}is earlier than current UTC time '${isoTime(now)}'.`;
  return new CodedError('ExpiredAuthenticationToken', message, { cause: error });
}

const invalid = (why: string, cause?: unknown): CodedError =>
  new CodedError('InvalidAuthenticationToken', `The access token is invalid: ${why}.`, { cause });
