import type { Backend } from '../../store/backend.ts';
import type { JobContext } from '../context.ts';
import type { OpenVault } from '../vaultStores.ts';

/** How one place of a vault's store fares. */
export interface PlaceState {
  readonly name: string;
  readonly role: 'primary' | 'secondary';
  readonly state: 'ok' | 'behind' | 'unreachable';
  /** Objects it should have and has not. */
  readonly missing: number;
  readonly why?: string;
}

/** What is known of one place during a run; its backend may delete. */
export interface Replica {
  readonly name: string;
  readonly backend: Backend;
  missing: number;
  /** Set: it is left alone for the rest of the run. */
  failure?: unknown;
}

export interface Tally {
  copied: number;
  copiedBytes: number;
  /** Objects with wrong bytes that were exchanged for good ones. */
  replaced: number;
  /** Objects that were let go and came back with a place. */
  removed: number;
  /** Objects of which no copy with the right bytes was found. */
  lost: number;
}

export interface ReplicateRun {
  readonly context: JobContext;
  readonly vault: OpenVault;
  readonly tally: Tally;
}

export const newTally = (): Tally => ({ copied: 0, copiedBytes: 0, replaced: 0, removed: 0, lost: 0 });

/** Everything but packs and commit objects: few, and none refers to another. */
export const OTHER_PREFIXES = ['keys/', 'fmt', 'gc/', 'ck/', 'db/', 'own/'] as const;

const ID_FIRST = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-';
/** Prefixes of all commit objects, each with few enough of them to be held in memory. */
export const COMMIT_PREFIXES: readonly string[] = [...ID_FIRST].map((first) => `rp/${first}`);

/** Sizes by name. */
export const listingOf = async (backend: Backend, prefix: string): Promise<Map<string, number>> => {
  const found = new Map<string, number>();
  for await (const { name, sizeBytes } of backend.list(prefix)) found.set(name, sizeBytes);
  return found;
};
