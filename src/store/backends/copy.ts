import type { Clock } from '../../lib/clock.ts';
import { isCoded } from '../../lib/error.ts';
import { unlessAborted } from '../../lib/unlessAborted.ts';
import type { Backend } from '../backend.ts';
import { watched } from './watchdog.ts';

/** Without an answer for so long, and what its bytes may take besides, a call to a copy has failed. */
export const ANSWER_MS = 30_000;
const SLOWEST_BYTES_PER_MS = 512;
/** Whatever length a caller names: timers take 32 bits of milliseconds, and fire at once beyond. */
const LONGEST_ANSWER_MS = 6 * 60 * 60 * 1000;
const FIRST_REST_MS = 15_000;
const LONGEST_REST_MS = 300_000;
/** Puts that a copy may be behind with; each holds its bytes. */
const PUTS_UNDER_WAY = 4;

/** The right to one put; it ends when the put is settled, however late. */
export interface PutSlot {
  put(name: string, bytes: Uint8Array, stop: AbortSignal): Promise<'created' | 'exists'>;
  /** Instead of the put. */
  release(): void;
}

/** One copy of a store and how it fares: one that failed rests, each time longer, and is tried again. */
export class Copy {
  readonly name: string;
  readonly backend: Backend;
  readonly puts: Rest;
  readonly reads: Rest;
  readonly #clock: Clock;
  #underWay = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(name: string, backend: Backend, clock: Clock) {
    this.name = name;
    this.backend = backend;
    this.puts = new Rest(clock);
    this.reads = new Rest(clock);
    this.#clock = clock;
  }

  /**
   * Waits while the copy is behind with its puts: so a slow copy slows its writer, and memory stays bounded. Undefined:
   * it rests, or has failed and is behind. `anyway`: also while it rests.
   */
  async slot(anyway = false, stop?: AbortSignal): Promise<PutSlot | undefined> {
    while (this.#underWay >= PUTS_UNDER_WAY && !this.puts.hasFailed)
      await unlessAborted(new Promise<void>((resolve) => this.#waiting.push(resolve)), stop);
    if (this.#underWay >= PUTS_UNDER_WAY) return undefined;
    if (this.puts.isNow && !anyway) return undefined;
    this.#underWay++;
    return {
      put: (name, bytes, ended) => this.#put(name, bytes, ended),
      release: () => this.#settled(),
    };
  }

  /** One reading or deleting call, answered in time or failed. */
  call<T>(work: (signal: AbortSignal, tick: () => void) => Promise<T>, sizeBytes = 0): Promise<T> {
    return this.#watched(this.reads, work, sizeBytes);
  }

  async #put(name: string, bytes: Uint8Array, stop: AbortSignal): Promise<'created' | 'exists'> {
    let putting: Promise<unknown> | undefined;
    const work = (signal: AbortSignal) => {
      const put = this.backend.put(name, bytes, signal);
      const settled = () => this.#settled();
      putting = put.then(settled, settled);
      return put;
    };
    try {
      return await this.#watched(this.puts, work, bytes.length, stop);
    } finally {
      if (!putting) this.#settled();
      this.#wake();
    }
  }

  #settled(): void {
    this.#underWay--;
    this.#wake();
  }

  async #watched<T>(
    rest: Rest,
    work: (signal: AbortSignal, tick: () => void) => Promise<T>,
    sizeBytes: number,
    stop?: AbortSignal,
  ): Promise<T> {
    const limitMs = Math.min(ANSWER_MS + sizeBytes / SLOWEST_BYTES_PER_MS, LONGEST_ANSWER_MS);
    try {
      const result = await watched(work, { clock: this.#clock, who: this.name, limitMs, stop });
      rest.answered();
      return result;
    } catch (error) {
      if (saysNo(error)) rest.answered();
      else if (!stop?.aborted) rest.failed(error);
      throw error;
    }
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** How long what failed is left alone. */
class Rest {
  /** Why. */
  lastFailure = '';
  readonly #clock: Clock;
  #until = 0;
  #lengthMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** It failed last time, its rest may be over. */
  get hasFailed(): boolean {
    return this.#lengthMs > 0;
  }

  get isNow(): boolean {
    return this.#clock.now() < this.#until;
  }

  answered(): void {
    this.#lengthMs = 0;
    this.#until = 0;
  }

  failed(error: unknown): void {
    this.lastFailure = reasonOf(error);
    if (this.isNow) return;
    this.#lengthMs = Math.min(LONGEST_REST_MS, this.#lengthMs === 0 ? FIRST_REST_MS : this.#lengthMs * 2);
    this.#until = this.#clock.now() + this.#lengthMs;
  }
}

export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** An answer, if not the wished one: the copy is well. */
const saysNo = (error: unknown): boolean =>
  (['StoreObjectMissing', 'StoreDataDamaged', 'StoreObjectLocked', 'DaemonRefused', 'InvalidParameter'] as const).some(
    (code) => isCoded(error, code),
  );
