import type { Vault } from './vault.ts';

export interface SecurityLevel {
  readonly secureScore: 'None' | 'Minimum' | 'Adequate' | 'Maximum';
  readonly bcdrSecurityLevel: 'Poor' | 'Fair' | 'Good' | 'Excellent';
}

/**
 * How well the vault's data is safe from a bad hand. Azure counts soft delete that cannot be switched off, or a locked
 * immutability, and a second person's consent; soft delete is always on here, so the first is always given.
 */
export const securityLevel = (vault: Pick<Vault, 'guard'>): SecurityLevel =>
  vault.guard === undefined
    ? { secureScore: 'Adequate', bcdrSecurityLevel: 'Good' }
    : { secureScore: 'Maximum', bcdrSecurityLevel: 'Excellent' };
