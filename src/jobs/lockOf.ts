import type { LockSpec } from '../store/backend.ts';
import type { Vault } from '../vault/vault.ts';

/** Days an object is locked from its put on: longer than any backup takes from its first pack to its commit. */
export const LANDING_DAYS = 7;

/**
 * How the vault's places lock what they are given; undefined: not at all. A store is opened again when this changes,
 * which is when the vault's immutability does.
 */
export const lockOf = ({ immutability }: Pick<Vault, 'immutability'>): LockSpec | undefined => {
  if (immutability === 'Disabled') return undefined;
  return { mode: immutability === 'Locked' ? 'compliance' : 'governance', landingDays: LANDING_DAYS };
};
