/** A pack that is durable in the store. */
export interface PackRecord {
  /** 32 hex digits; stays the same through compaction. */
  readonly packId: string;
  /** The object's name, which carries the pack's generation and the SHA-256 of its bytes. */
  readonly name: string;
  /** `data` holds chunks of disks, `meta` nodes of trees. */
  readonly kind: 'data' | 'meta';
  readonly sizeBytes: number;
  /** Number of records. */
  readonly slots: number;
}
