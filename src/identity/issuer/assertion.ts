import { createPublicKey, X509Certificate } from 'node:crypto';
import { decodeProtectedHeader, type JWTPayload, jwtVerify } from 'jose';
import type { Clock } from '../../lib/clock.ts';
import type { CertificateRecord, ServicePrincipal } from '../principalStore.ts';

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

const ALGORITHMS = ['RS256', 'PS256'];
const MAX_LENGTH = 8192;
const MAX_SEEN = 10_000;

/** Checks client assertions (RFC 7523): signed with a registered certificate's key, meant for us, each used once. */
export class Assertions {
  readonly #clock: Clock;
  readonly #audiences: readonly string[];
  /** 'client jti' → when it may be forgotten. */
  readonly #seen = new Map<string, number>();

  /** `audiences`: the token endpoints. */
  constructor(clock: Clock, audiences: readonly string[]) {
    this.#clock = clock;
    this.#audiences = audiences;
  }

  /** Whether it proves that its sender is `principal`. */
  async isGood(assertion: string, principal: ServicePrincipal): Promise<boolean> {
    const certificate = assertion.length > MAX_LENGTH ? undefined : signerOf(assertion, principal.certificates ?? []);
    if (certificate === undefined || certificate.expiresAt <= this.#clock.now()) return false;
    const payload = await this.#verify(assertion, certificate, principal.appId);
    return payload !== undefined && this.#isNew(principal.appId, payload);
  }

  async #verify(assertion: string, { pem }: CertificateRecord, appId: string): Promise<JWTPayload | undefined> {
    const key = createPublicKey(new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'pem' }));
    try {
      const { payload } = await jwtVerify(assertion, key, {
        algorithms: ALGORITHMS,
        issuer: appId,
        subject: appId,
        audience: [...this.#audiences],
        requiredClaims: ['exp', 'jti'],
        clockTolerance: 60,
        currentDate: new Date(this.#clock.now()),
      });
      return payload;
    } catch {
      return undefined; // whatever is wrong with it, it proves nothing; the caller says so
    }
  }

  #isNew(appId: string, { jti, exp = 0 }: JWTPayload): boolean {
    const now = this.#clock.now();
    // an assertion that is good for longer would have to be remembered for longer
    if (exp * 1000 > now + 3_660_000) return false;
    for (const [key, until] of this.#seen) {
      if (until > now && this.#seen.size < MAX_SEEN) break;
      this.#seen.delete(key);
    }
    const key = `${appId} ${jti}`;
    if (this.#seen.has(key)) return false;
    this.#seen.set(key, exp * 1000 + 60_000);
    return true;
  }
}

/** The registered certificate that the header names: by `x5t#S256`, `x5t`, or its thumbprint as `kid`. */
function signerOf(assertion: string, certificates: readonly CertificateRecord[]): CertificateRecord | undefined {
  try {
    const header = decodeProtectedHeader(assertion);
    const sha256 = typeof header['x5t#S256'] === 'string' ? hexOf(header['x5t#S256']) : undefined;
    const sha1 = typeof header.x5t === 'string' ? hexOf(header.x5t) : header.kid?.toLowerCase();
    return certificates.find((one) => (sha256 === undefined ? one.sha1 === sha1 : one.sha256 === sha256));
  } catch {
    return undefined; // no JWT
  }
}

const hexOf = (base64url: string): string => Buffer.from(base64url, 'base64url').toString('hex');
