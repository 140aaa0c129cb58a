import type { Clock } from '../../lib/clock.ts';
import { StorageError } from './storageError.ts';

const WINDOW_MS = 60_000;
const MAX_KEYS = 10_000;

/** So many requests of one account, or failed ones of one address, a minute. */
export class RequestRate {
  readonly #clock: Clock;
  readonly #perMinute: number;
  #windowStart = 0;
  #counts = new Map<string, number>();

  constructor(clock: Clock, perMinute: number) {
    this.#clock = clock;
    this.#perMinute = perMinute;
  }

  /** Errors: ServerBusy. */
  spend(key: string): void {
    const now = this.#clock.now();
    if (now - this.#windowStart >= WINDOW_MS || this.#counts.size >= MAX_KEYS) {
      this.#windowStart = now;
      this.#counts = new Map();
    }
    const spent = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, spent);
    if (spent > this.#perMinute)
      throw new StorageError('ServerBusy', `Ingress is over the limit of ${this.#perMinute} requests a minute.`);
  }
}
