/** A half-open byte range of a disk, `[offset, offset + length)`. */
export interface Range {
  /** Bytes from the start of the disk. */
  readonly offset: number;
  /** Bytes; never 0. */
  readonly length: number;
}

/** A range and what is known of it: `zero` reads as zeros without being read, `data` must be read. */
export interface Extent extends Range {
  readonly kind: 'data' | 'zero';
}
