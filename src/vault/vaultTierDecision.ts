import { DAY_MS } from '../lib/clock.ts';
import type { VaultTier } from './recoveryPoint.ts';
import type { RetentionDecision } from './retention.ts';

export interface TierContext {
  /** ms since epoch. */
  readonly now: number;
  /** Protection is stopped or the item soft-deleted: nothing expires, and nothing comes back. */
  readonly isPaused: boolean;
  /** Of the vault, as it is now. */
  readonly softDeleteRetentionDays: number;
}

/**
 * The vault tier of a point after a decision. One that time has run out for is let go (`deletedAt`). One that would
 * still be kept, had its policy not been shortened, is soft-deleted first, for the vault's days; a longer policy takes it back.
 */
export const decideVaultTier = (tier: VaultTier, decision: RetentionDecision, context: TierContext): VaultTier => {
  const { now, isPaused, softDeleteRetentionDays } = context;
  const { expiresAt: before, softDelete, ruledUntil, ...rest } = tier;
  const promised = before ?? ruledUntil;
  if (isPaused) return softDelete ? tier : { ...rest, ...(promised === undefined ? {} : { ruledUntil: promised }) };
  if (decision.keep && decision.expiresAt !== undefined) return { ...rest, expiresAt: decision.expiresAt };
  if (decision.keep) return { ...rest, ...ruledUntilOf(decision, promised, now) };
  if (softDelete) return softDelete.purgeAt > now ? tier : { ...tier, deletedAt: now };
  if (promised === undefined || promised <= now) {
    return { ...rest, ...(decision.expiresAt === undefined ? {} : { expiresAt: decision.expiresAt }), deletedAt: now };
  }
  const purgeAt = now + softDeleteRetentionDays * DAY_MS;
  return { ...rest, expiresAt: purgeAt, softDelete: { deletedAt: now, purgeAt } };
};

/** Of a point that is held whatever its rules say: until when they would keep it, as they last did. */
const ruledUntilOf = (
  decision: RetentionDecision,
  promised: number | undefined,
  now: number,
): { ruledUntil?: number } => {
  const { rulesUntil } = decision;
  const ruledUntil = rulesUntil !== undefined && rulesUntil > now ? rulesUntil : (promised ?? rulesUntil);
  return ruledUntil === undefined ? {} : { ruledUntil };
};
