import type { Clock } from '../lib/clock.ts';

interface Entry {
  failures: number;
  lockedUntil: number;
}

const FIRST_LOCK_MS = 1000;
const LONGEST_LOCK_MS = 15 * 60_000;
const MAX_ENTRIES = 10_000;

/**
 * Slows guessing down: after `freeFailures` each further failure locks the key for twice as long, from one second
 * to a quarter of an hour. Remembers the 10 000 keys that failed last.
 */
export class Lockout {
  readonly #clock: Clock;
  readonly #freeFailures: number;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock, freeFailures: number) {
    this.#clock = clock;
    this.#freeFailures = freeFailures;
  }

  /** Milliseconds until the key may be tried again; 0: now. */
  remainingMs(key: string): number {
    return Math.max(0, (this.#entries.get(key)?.lockedUntil ?? 0) - this.#clock.now());
  }

  fail(key: string): void {
    const before = this.#entries.get(key);
    const forgiven = before !== undefined && this.#clock.now() - before.lockedUntil > LONGEST_LOCK_MS;
    const failures = forgiven ? 1 : (before?.failures ?? 0) + 1;
    const beyond = failures - this.#freeFailures;
    const lockMs = beyond > 0 ? Math.min(LONGEST_LOCK_MS, FIRST_LOCK_MS * 2 ** (beyond - 1)) : 0;
    this.#entries.delete(key);
    this.#entries.set(key, { failures, lockedUntil: this.#clock.now() + lockMs });
    const oldest = this.#entries.keys().next();
    if (this.#entries.size > MAX_ENTRIES && !oldest.done) this.#entries.delete(oldest.value);
  }

  succeed(key: string): void {
    this.#entries.delete(key);
  }
}
