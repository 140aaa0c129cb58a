import type { ArmContext } from '../arm/route.ts';
import type { Queries } from '../db/schema.ts';
import type { Vault } from '../vault/vault.ts';

/** What a resource guard can put behind a second person's consent. */
export type CriticalOperation =
  | 'deleteProtection'
  | 'getSecurityPIN'
  | 'updatePolicy'
  | 'updateProtection'
  | 'disableImmutability'
  | 'stopProtectionWithRetainData'
  | 'disableSoftDelete'
  | 'removeGuard';

/**
 * Called before a critical operation, inside its transaction; a vault without a guard lets it pass.
 * `requests`: the body's `resourceGuardOperationRequests`. Errors: those of a guarded vault.
 */
export async function demandSecondConsent(
  _tx: Queries,
  _context: Pick<ArmContext, 'can' | 'principal'>,
  _vault: Vault,
  _operation: CriticalOperation,
  _requests: readonly string[] | undefined,
): Promise<void> {}
