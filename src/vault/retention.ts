import { DAY_MS } from '../lib/clock.ts';
import { hasSnapshot, isVaulted, type RecoveryPoint } from './recoveryPoint.ts';
import { expiriesByRule, type RetentionPolicy, type RetentionRule, retainedDays } from './retentionRules.ts';

export type RetentionReason =
  | RetentionRule
  | 'instant restore'
  | 'newest point is always kept'
  | 'base of the next transfer'
  | 'in use'
  | 'protection is stopped';

export interface RetentionDecision {
  readonly pointId: string;
  readonly keep: boolean;
  /** When no rule keeps it any more, ms; absent while no end is known. */
  readonly expiresAt?: number;
  /** Of one that is held whatever its rules say: when they alone would let it go, ms. */
  readonly rulesUntil?: number;
  /** What keeps it; for one that is let go, the rules that did last. */
  readonly reasons: readonly RetentionReason[];
}

export interface RetentionContext {
  /** ms since epoch. */
  readonly now: number;
  /** Points a restore or a transfer reads just now. */
  readonly inUse?: ReadonlySet<string>;
  /** Protection is stopped or the item soft-deleted: nothing expires. */
  readonly isPaused?: boolean;
}

/**
 * What becomes of the vault tier of one item's points under the policy as it is now: one decision a vaulted point,
 * newest first. The newest one is always kept. Without a policy nothing expires.
 */
export const decideVaulted = (
  points: readonly RecoveryPoint[],
  policy: RetentionPolicy | undefined,
  context: RetentionContext,
): readonly RetentionDecision[] => {
  const vaulted = newestFirst(points.filter(isVaulted));
  if (policy === undefined || context.isPaused) return vaulted.map(kept('protection is stopped'));
  const counted = retainedDays(vaulted);
  return vaulted.map((point, i) => {
    const expiries = expiriesByRule(point, policy.retention, counted);
    const holds: RetentionReason[] = [];
    if (i === 0) holds.push('newest point is always kept');
    return decide(point, expiries, holds, context);
  });
};

/**
 * When the rules will let a point go that is about to be stored, ms: what its commit object says. That the newest point
 * is always kept does not count. Without a policy only the user's own wish is known.
 */
export const expiryByRules = (
  point: RecoveryPoint,
  vaulted: readonly RecoveryPoint[],
  policy: RetentionPolicy | undefined,
): number | undefined => {
  if (policy === undefined) return point.retainUntil;
  const days = retainedDays(newestFirst([point, ...vaulted.filter(({ id }) => id !== point.id)]));
  return Math.max(point.takenAt, ...expiriesByRule(point, policy.retention, days).values());
};

/**
 * What becomes of the snapshots of one item's points: one decision a snapshot, newest first. The newest one is
 * always kept, and so is the one the next transfer counts its changes from.
 */
export const decideSnapshots = (
  points: readonly RecoveryPoint[],
  policy: RetentionPolicy | undefined,
  context: RetentionContext,
): readonly RetentionDecision[] => {
  const snapshots = newestFirst(points.filter(hasSnapshot));
  if (policy === undefined || context.isPaused) return snapshots.map(kept('protection is stopped'));
  const base = newestFirst(points.filter(isVaulted))[0];
  return snapshots.map((point, i) => {
    const instantUntil = point.takenAt + policy.instantRestoreDays * DAY_MS;
    const until = Math.min(instantUntil, point.retainUntil ?? instantUntil);
    const holds: RetentionReason[] = [];
    if (i === 0) holds.push('newest point is always kept');
    if (point.id === base?.id) holds.push('base of the next transfer');
    return decide(point, new Map([['instant restore', until]]), holds, context);
  });
};

const decide = (
  point: RecoveryPoint,
  expiries: ReadonlyMap<RetentionReason, number>,
  holds: readonly RetentionReason[],
  { now, inUse }: RetentionContext,
): RetentionDecision => {
  const alive = [...expiries].filter(([, at]) => at > now).map(([reason]) => reason);
  const expiresAt = Math.max(point.takenAt, ...expiries.values());
  const reasons = [...alive, ...holds];
  if (inUse?.has(point.id)) reasons.push('in use');
  if (reasons.length === 0) {
    const last = [...expiries].filter(([, at]) => at === expiresAt).map(([reason]) => reason);
    return { pointId: point.id, keep: false, expiresAt, reasons: last };
  }
  return {
    pointId: point.id,
    keep: true,
    ...(holds.length === 0 ? { expiresAt } : { rulesUntil: expiresAt }),
    reasons,
  };
};

const kept =
  (reason: RetentionReason) =>
  (point: RecoveryPoint): RetentionDecision => ({ pointId: point.id, keep: true, reasons: [reason] });

/** Points cut at the same instant stand in the order of their commits. */
const newestFirst = (points: readonly RecoveryPoint[]): readonly RecoveryPoint[] =>
  points.toSorted(
    (a, b) => b.takenAt - a.takenAt || (b.vaulted?.cseq ?? 0) - (a.vaulted?.cseq ?? 0) || (a.id < b.id ? 1 : -1),
  );
