import type { JsonObject, JsonValue } from './json.ts';

export type PointConsistency = 'application' | 'fileSystem' | 'crash';

export interface PointDisk {
  /** -1 is the OS disk. */
  readonly lun: number;
  readonly name: string;
  readonly diskId: string;
  readonly sizeBytes: number;
  /** Where the disk's tree stands in the store, in the store's own words; absent until vaulted. */
  readonly root?: JsonValue;
}

/** The point as a snapshot on the host. */
export interface SnapshotTier {
  readonly snapshotId: string;
  /** The host that has it; absent: the host of the item. */
  readonly host?: string;
  /** ms; absent while no end is known (the newest point). */
  readonly expiresAt?: number;
  /** When the snapshot was let go, ms. */
  readonly deletedAt?: number;
}

/** The point's bytes in the vault. */
export interface VaultTier {
  readonly commitName: string;
  /** Number of the commit in its vault, from 1. */
  readonly cseq: number;
  readonly storedAt: number;
  readonly expiresAt?: number;
  /** Of one that shows no end (the newest, or protection is stopped): until when its rules would keep it, ms. */
  readonly ruledUntil?: number;
  /** A shortened policy let it go before its time: it can still be restored, and a longer one takes it back until then. */
  readonly softDelete?: { readonly deletedAt: number; readonly purgeAt: number };
  /** The storage keeps every pack that the point reaches at least until then, ms; absent: it was not asked to. */
  readonly lockedUntil?: number;
  readonly deletedAt?: number;
}

/** A restorable moment of a protected item. */
export interface RecoveryPoint {
  /** Digits only, as Azure's; unique in its item. */
  readonly id: string;
  readonly vaultId: string;
  readonly itemId: string;
  readonly jobId: string;
  /** When the view was cut, ms. */
  readonly takenAt: number;
  readonly consistency: PointConsistency;
  readonly consistencyReason?: string;
  /** What went wrong with the machine's own pre and post script. */
  readonly scriptsFailure?: string;
  /** Key of the scheduled occurrence it answers; absent for on-demand points. */
  readonly occurrenceKey?: string;
  /** On-demand points: kept until then, ms. */
  readonly retainUntil?: number;
  readonly snapshot?: SnapshotTier;
  readonly vaulted?: VaultTier;
  /** Rules that keep it now ('daily', 'weekly' …), newest decision. */
  readonly keptBy: readonly string[];
  readonly disks: readonly PointDisk[];
  readonly excludedDisks: readonly PointDisk[];
  /** The machine as it was, so that it can be made again. */
  readonly machine: JsonObject;
}

/** A point some tier of which can still be restored. */
export const isRestorable = (point: RecoveryPoint): boolean => hasSnapshot(point) || isVaulted(point);

export const hasSnapshot = (point: RecoveryPoint): boolean =>
  point.snapshot !== undefined && point.snapshot.deletedAt === undefined;

export const isVaulted = (point: RecoveryPoint): boolean =>
  point.vaulted !== undefined && point.vaulted.deletedAt === undefined;
