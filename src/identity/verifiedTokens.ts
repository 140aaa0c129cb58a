import { createHash } from 'node:crypto';
import type { JWTPayload } from 'jose';

/** A key that its issuer withdraws verifies nothing any more after so long. */
const KEPT_MS = 60_000;
const MOST = 2_000;

/**
 * Claims of tokens that were verified a moment ago, by the hash of the token: to verify one costs as much as all the
 * rest of a short request. Claims alone: whoever they name may be disabled meanwhile, and is asked for each time.
 */
export class VerifiedTokens {
  readonly #known = new Map<string, { readonly claims: JWTPayload; readonly from: number; readonly until: number }>();

  /** `now` in ms. */
  find(token: string, now: number): JWTPayload | undefined {
    const hash = hashOf(token);
    const found = this.#known.get(hash);
    if (found === undefined) return undefined;
    // a clock that was set back has its claims verified again
    if (found.from <= now && now < found.until) return found.claims;
    this.#known.delete(hash);
    return undefined;
  }

  /** Never beyond the token's own end. */
  keep(token: string, claims: JWTPayload, now: number): void {
    const until = Math.min(now + KEPT_MS, (claims.exp ?? 0) * 1000);
    if (this.#known.size >= MOST) this.#known.delete(this.#known.keys().next().value as string);
    this.#known.set(hashOf(token), { claims, from: now, until });
  }
}

const hashOf = (token: string): string => createHash('sha256').update(token).digest('base64');
