/** What the catalogue held at one moment, so that a commit object that vanishes is missed. Times are milliseconds. */
export interface CheckpointBody {
  readonly formatVersion: 1;
  readonly vaultId: string;
  readonly at: number;
  /** Of the newest commit ever decided. */
  readonly lastCseq: number;
  readonly lastGcSeq: number;
  /** Every commit that was not let go, by cseq. */
  readonly commits: readonly CheckpointCommit[];
}

export interface CheckpointCommit {
  /** Of the commit object. */
  readonly name: string;
  /** When the point may go; null: no end was known. */
  readonly expiresAt: number | null;
  /** The storage keeps the object until then; null: not locked. */
  readonly lockUntil: number | null;
}
