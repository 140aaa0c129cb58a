import type { DiskRoot } from './tree.ts';

export interface CommitDisk {
  readonly lun: number;
  readonly name: string;
  readonly diskId: string;
  readonly root: DiskRoot;
  /** SHA-256 of the whole disk as the snapshot showed it, when it was taken. */
  readonly snapshotSha256?: string;
}

/** What makes a recovery point exist. Times are milliseconds since the epoch. */
export interface CommitBody {
  readonly formatVersion: 1;
  readonly vaultId: string;
  /** 1 to 64 letters, digits, `_`, `-`; so is `itemId`. */
  readonly pointId: string;
  readonly itemId: string;
  /** Vault-wide, given by the database, ascending without gaps. */
  readonly cseq: number;
  readonly takenAt: number;
  readonly createdAt: number;
  readonly consistency: 'application' | 'fileSystem' | 'crash';
  readonly expiresAt: number | null;
  readonly lockUntil: number | null;
  /** SHA-256 (hex) of the bytes of commit cseq − 1; null for the first. */
  readonly previous: string | null;
  /** Made anew because the first one was lost: the SHA-256 (hex) by which commit cseq + 1 names it. */
  readonly replaces?: string;
  /** The machine's configuration, JSON. */
  readonly machine: unknown;
  readonly disks: readonly CommitDisk[];
  readonly catalogue?: CommitCatalogue;
}

/** What the database knew of the point beside: a rebuilt catalogue keeps it by the same rules. */
export interface CommitCatalogue {
  readonly occurrenceKey?: string;
  readonly retainUntil?: number;
  readonly consistencyReason?: string;
  readonly excludedDisks: readonly {
    readonly lun: number;
    readonly name: string;
    readonly diskId: string;
    readonly sizeBytes: number;
  }[];
}
