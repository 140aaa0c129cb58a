import { Random } from '../../bench/random.ts';

/** What a run did and met; printed as a table, one row a part. */
export const COUNTS = [
  'kills',
  'flips',
  'losses',
  'full disks',
  'fsync errors',
  'lies',
  'crash images',
  'restores checked',
] as const;
export type Count = (typeof COUNTS)[number];

/** One kind of fault, with everything it does to a vault. */
export interface Part {
  readonly name: string;
  /** Why it cannot run here, in words; undefined: it can. */
  readonly missing?: () => string | undefined;
  run(run: SoakRun): Promise<void>;
}

export interface RunOptions {
  readonly seed: number;
  /** Short: a sample that fits into CI. */
  readonly isLong: boolean;
  /** How long a part goes on that has no end of its own, and at most any other. */
  readonly minutes: number;
}

/** One part's run: its randomness, its counts. */
export class SoakRun {
  readonly random: Random;
  readonly isLong: boolean;
  readonly minutes: number;
  readonly counts = new Map<Count, number>();
  readonly notes: string[] = [];
  #startedAt = performance.now();

  constructor({ seed, isLong, minutes }: RunOptions) {
    this.random = new Random(seed);
    this.isLong = isLong;
    this.minutes = minutes;
  }

  /** A long run has had its time; what it has not come to is left out, and a note says so. */
  get isOver(): boolean {
    return this.isLong && performance.now() - this.#startedAt > this.minutes * 60_000;
  }

  /** The next piece of work has as much time again. */
  beginNext(): void {
    this.#startedAt = performance.now();
  }

  count(what: Count, times = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + times);
  }

  note(words: string): void {
    this.notes.push(words);
  }

  /** All of 1 to `count` in a long run, in any order; `few` of them, spread and shifted by the seed, in a short one. */
  pick(count: number, few: number): readonly number[] {
    const all = Array.from({ length: count }, (_, index) => index + 1);
    if (this.isLong) return this.#shuffled(all);
    if (count <= few) return all;
    const shift = this.random.uint32() / 2 ** 32;
    return [...new Set(Array.from({ length: few }, (_, index) => 1 + Math.floor(((index + shift) * count) / few)))];
  }

  #shuffled(values: readonly number[]): readonly number[] {
    return values
      .map((value) => ({ value, place: this.random.uint32() }))
      .sort((a, b) => a.place - b.place)
      .map(({ value }) => value);
  }
}
