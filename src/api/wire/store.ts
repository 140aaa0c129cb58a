import type { IsoTime, Resource } from './resource.ts';
import type { StorageRedundancy } from './vault.ts';

/** `stores/default`: the chunk store under a vault, which Azure never shows. */
export type Store = Resource<'Microsoft.RecoveryServices/vaults/stores', StoreProperties>;

export interface StoreProperties {
  /** Names the store with its places. */
  readonly vaultId: string;
  readonly redundancy: {
    readonly wanted: StorageRedundancy;
    readonly actual: StorageRedundancy;
    /** Why it has not what is wanted. */
    readonly why?: string | undefined;
  };
  readonly stored: { readonly packs: number; readonly sizeBytes: number };
  readonly damagedPacks: number;
  /** Set: backups and collections wait for `reconcile`. */
  readonly reconcile?: { readonly since: IsoTime; readonly why: readonly string[] } | undefined;
  /** What each work on the store last did; absent: it never ran. */
  readonly lastCollect?: Readonly<Record<string, unknown>> | undefined;
  /** The last dry run: what a collection would do to which packs, and why. */
  readonly collectPlan?: Readonly<Record<string, unknown>> | undefined;
  readonly lastVerify?: Readonly<Record<string, unknown>> | undefined;
  readonly replication?: Readonly<Record<string, unknown>> | undefined;
  readonly locks?: Readonly<Record<string, unknown>> | undefined;
  readonly checkpoint?: Readonly<Record<string, unknown>> | undefined;
  readonly databaseCopy?: Readonly<Record<string, unknown>> | undefined;
  readonly recoveryKit?: Readonly<Record<string, unknown>> | undefined;
}

/** `stores/default/jobs/{id}`: one run of housekeeping. */
export type StoreJob = Resource<'Microsoft.RecoveryServices/vaults/stores/jobs', StoreJobProperties>;

export interface StoreJobProperties {
  readonly operation: string;
  readonly status: string;
  readonly startTime: IsoTime;
  readonly endTime?: IsoTime | undefined;
  readonly isUserTriggered: boolean;
  readonly errors: readonly {
    readonly code: string;
    readonly message: string;
    readonly recommendations: readonly string[];
  }[];
  /** What it found and did, in words. */
  readonly details: Readonly<Record<string, string>>;
}

/** Bodies of POST stores/default/{action}. */
export interface StoreActions {
  readonly collect: { readonly dryRun?: boolean | undefined; readonly approved?: boolean | undefined };
  readonly verify: { readonly scope?: 'scrub' | 'deep' | undefined; readonly pointId?: string | undefined };
  readonly replicate: Readonly<Record<never, never>>;
  readonly reconcile: Readonly<Record<never, never>>;
  readonly copyCatalogue: Readonly<Record<never, never>>;
  readonly extendLocks: Readonly<Record<never, never>>;
  /** The source of the new key is configured on the server: a request never names one. */
  readonly rotateKeys: { readonly what: 'changeKey' | 'newGeneration' | 'forgetOld' };
  readonly drillKit: Readonly<Record<never, never>>;
}
