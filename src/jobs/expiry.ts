import type { Policy } from '../vault/policy.ts';
import type { RecoveryPoint } from '../vault/recoveryPoint.ts';
import { decideVaulted } from '../vault/retention.ts';

/** When a point about to be committed will expire by today's policy, ms; undefined while no end is known. */
export function expiryOf(
  point: RecoveryPoint,
  others: readonly RecoveryPoint[],
  policy: Policy | undefined,
  now: number,
): number | undefined {
  const vaulted: RecoveryPoint = { ...point, vaulted: { commitName: '', cseq: 0, storedAt: now } };
  const decisions = decideVaulted([vaulted, ...others.filter(({ id }) => id !== point.id)], policy, { now });
  return decisions.find(({ pointId }) => pointId === point.id)?.expiresAt;
}
