/** A range of an export with what the server tells of it. */
export interface NbdExtent {
  readonly offset: number;
  readonly length: number;
  /** The status flags of every context asked for, by its name. */
  readonly flags: Readonly<Record<string, number>>;
}

/** Flags of `base:allocation`. `zero` reads as zeros; `hole` alone says nothing of the content. */
export const ALLOCATION = { hole: 1, zero: 2 } as const;
