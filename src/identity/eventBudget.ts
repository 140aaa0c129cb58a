import type { Clock } from '../lib/clock.ts';

interface Window {
  readonly since: number;
  spent: number;
  left: number;
}

const WINDOW_MS = 60_000;
const MAX_KEYS = 10_000;

/** So many events of one key a minute, so that those who are refused cannot fill a disk. */
export class EventBudget {
  readonly #clock: Clock;
  readonly #perMinute: number;
  readonly #windows = new Map<string, Window>();

  constructor(clock: Clock, perMinute: number) {
    this.#clock = clock;
    this.#perMinute = perMinute;
  }

  /** Undefined: leave this one out. Else how many of the key were left out since the last that was not. */
  spend(key: string): number | undefined {
    const now = this.#clock.now();
    const before = this.#windows.get(key);
    const isOver = before === undefined || now - before.since >= WINDOW_MS;
    const window = isOver ? { since: now, spent: 0, left: before?.left ?? 0 } : before;
    this.#keep(key, window);
    if (window.spent >= this.#perMinute) {
      window.left += 1;
      return undefined;
    }
    window.spent += 1;
    const left = window.left;
    window.left = 0;
    return left;
  }

  #keep(key: string, window: Window): void {
    this.#windows.delete(key);
    this.#windows.set(key, window);
    const oldest = this.#windows.keys().next();
    if (this.#windows.size > MAX_KEYS && !oldest.done) this.#windows.delete(oldest.value);
  }
}
