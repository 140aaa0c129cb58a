import type { Verdict } from './report.ts';

export interface BenchContext {
  /** A folder of its own; removed afterwards. */
  readonly folder: string;
  /** Where things may stay that are costly to make, for the next run; absent: nothing stays. */
  readonly kept: string | undefined;
  /** Bytes of the disks that are backed up. */
  readonly diskBytes: number;
  /** 1: as large as the goal says; less for a quick look. */
  readonly scale: number;
  /** What has no end of its own ends after so many. */
  readonly minutes: number;
  /** Whether a tool of this name takes part. */
  wants(tool: string): boolean;
  say(words: string): void;
}

export interface BenchResult {
  /** A table for people. */
  readonly lines: readonly string[];
  /** The same figures, one JSON line each. */
  readonly records: readonly object[];
  readonly verdicts: readonly Verdict[];
}

export interface Bench {
  readonly name: string;
  run(context: BenchContext): Promise<BenchResult>;
}
