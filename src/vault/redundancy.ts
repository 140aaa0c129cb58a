import type { StorageRedundancy } from './vault.ts';

/** The places that hold a vault's store, by name. */
export interface VaultLayout {
  /** `zones`: independent places, as the operator configured them for zone redundancy. */
  readonly kind: 'local' | 'zones';
  /** Nearest first. */
  readonly primary: readonly string[];
  /** A put counts when so many of `primary` have it. */
  readonly quorum: number;
  /** Filled afterwards; empty: there is none. */
  readonly secondary: readonly string[];
}

/** What the vault was asked to have, and what its places give it. */
export interface VaultRedundancy {
  readonly wanted: StorageRedundancy;
  readonly actual: StorageRedundancy;
  /** In words, when there is less than wanted. */
  readonly why?: string;
}

const actualRedundancy = (layout: VaultLayout): StorageRedundancy => {
  if (layout.secondary.length > 0) return 'GeoRedundant';
  return layout.kind === 'zones' ? 'ZoneRedundant' : 'LocallyRedundant';
};

export const redundancyIn = (layout: VaultLayout, wanted: StorageRedundancy): VaultRedundancy => {
  const actual = actualRedundancy(layout);
  if (actual === wanted || wanted === 'LocallyRedundant') return { wanted, actual };
  return {
    wanted,
    actual,
    why: `${MISSING[wanted]} It lies in: ${[...layout.primary, ...layout.secondary].join(', ')}.`,
  };
};

const MISSING = {
  ZoneRedundant: 'The vault has not got three zones: none were configured before its first item was protected.',
  GeoRedundant: 'The vault has no secondary place: none is configured.',
} as const;
