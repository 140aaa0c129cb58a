import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Database } from '../../db/database.ts';
import { deleteRefreshTokens, findRefreshToken, putRefreshToken, useRefreshToken } from '../../db/refreshTokens.ts';
import type { Clock } from '../../lib/clock.ts';

export interface RefreshTokens {
  /** Of a new sign-in, or the next of a family. */
  issue(principalId: string, clientId: string, family?: string): Promise<string>;
  /** Whose it is; undefined when it is unknown, ended, another client's, or was used before. */
  redeem(
    token: string,
    clientId: string,
  ): Promise<{ readonly principalId: string; readonly family: string } | undefined>;
}

const LIFETIME_MS = 14 * 86_400_000;
/** Two commands started together both hold the old one. */
const REUSE_GRACE_MS = 30_000;

/**
 * Refresh tokens are used once: each use gives the next one. One that comes back later than half a minute after its
 * use was stolen, or its successor was: the whole sign-in ends.
 */
export const refreshTokens = (db: Database, clock: Clock): RefreshTokens => ({
  issue: async (principalId, clientId, family = randomUUID()) => {
    const token = randomBytes(48).toString('base64url');
    const now = clock.now();
    const record = { hash: hashOf(token), family, principalId, clientId, expiresAt: now + LIFETIME_MS };
    await putRefreshToken(db.queries, record, now);
    return token;
  },
  redeem: async (token, clientId) => {
    const now = clock.now();
    const found = await findRefreshToken(db.queries, hashOf(token));
    if (found === undefined || found.expiresAt <= now || found.clientId !== clientId) return undefined;
    const isFirst = await useRefreshToken(db.queries, found.hash, now);
    if (isFirst || (found.usedAt !== undefined && now - found.usedAt <= REUSE_GRACE_MS) || found.usedAt === undefined)
      return found;
    await deleteRefreshTokens(db.queries, { family: found.family });
    return undefined;
  },
});

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');
