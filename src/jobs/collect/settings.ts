import { DAY_MS } from '../../lib/clock.ts';

/** What a collection goes by; docs/collection.md names the values of a server. */
export interface CollectSettings {
  /** A condemned pack stays so long at least. */
  readonly graceMs: number;
  /** What compaction replaced stays so long. */
  readonly trashMs: number;
  /** A pack the database does not know is adopted when it was first seen so long ago. */
  readonly unknownMs: number;
  /** More time than this since the last run is a jump of the clock. */
  readonly longestPauseMs: number;
  readonly clockDifferenceMs: number;
  readonly databaseCopyMs: number;
  /** Share of the vault's bytes that may be condemned without a word of an operator. */
  readonly largestShare: number;
  /** A pack with a smaller share of live records is compacted. */
  readonly compactBelow: number;
  /** False where no copies of the database are made. */
  readonly requireDatabaseCopy: boolean;
  /** Tests stop, or do something else, at each step: its name says where the run is. */
  readonly onStep: (step: string) => Promise<void>;
}

export const DEFAULT_COLLECT_SETTINGS: CollectSettings = {
  graceMs: DAY_MS,
  trashMs: 7 * DAY_MS,
  unknownMs: DAY_MS,
  longestPauseMs: 7 * DAY_MS,
  clockDifferenceMs: 5 * 60 * 1000,
  databaseCopyMs: DAY_MS,
  largestShare: 0.2,
  compactBelow: 0.6,
  requireDatabaseCopy: true,
  onStep: async () => {},
};
