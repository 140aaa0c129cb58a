import { isCoded } from '../../lib/error.ts';
import type { RecoveryPoint } from '../../vault/recoveryPoint.ts';
import type { JobContext } from '../context.ts';
import type { OpenVault } from '../vaultStores.ts';
import { disksBeside, lockPoint, lockTarget } from './lockPoint.ts';

/**
 * Locks a point whose commit object was just put, as long as it is kept; until when, ms. Undefined: the storage has
 * no locks, or failed: then the landing lock holds, and the hourly run of the locks tries again. It never fails the
 * backup, which is decided.
 */
export async function lockAtCommit(
  context: Pick<JobContext, 'db' | 'clock' | 'log' | 'signal'>,
  subject: {
    readonly vault: OpenVault;
    readonly point: RecoveryPoint;
    readonly base: RecoveryPoint | undefined;
    readonly commitName: string;
    readonly expiresAt: number | undefined;
  },
): Promise<number | undefined> {
  const { vault, point, base, commitName, expiresAt } = subject;
  if (!vault.store.backend.lock) return undefined;
  const until = lockTarget(expiresAt, context.clock.now());
  const isBaseLocked = (base?.vaulted?.lockedUntil ?? 0) >= until;
  try {
    const disks = disksBeside(point, isBaseLocked ? base : undefined);
    const { missing } = await lockPoint(context, { vault, disks, commitName, until, expiresAt });
    if (missing.length === 0) return until;
    context.log.warn({ point: point.id, missing: missing.slice(0, 20) }, 'not all of a new point could be locked');
  } catch (error) {
    if (!isCoded(error)) throw error;
    context.log.warn({ point: point.id, code: error.code, why: error.message }, 'a new point could not be locked yet');
  }
  return undefined;
}
