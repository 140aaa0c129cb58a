import type { Clock } from '../../lib/clock.ts';

/** What no change of the machine's clock touches. */
export interface Uptime {
  /** Another one after each start of the machine. */
  readonly bootId: string;
  /** ms since the machine started, suspended time counted. */
  readonly elapsedMs: number;
}

/** What is kept between two runs of the daemon. */
export interface ClockState extends Uptime {
  /** The time that counts, ms since 1970. */
  readonly now: number;
}

/** After a restart of the machine nobody knows how long it was off: no more than this is believed. */
const MAX_STEP_MS = 7 * 86_400_000;
/** A machine's clock may run a little faster than its uptime; so a clock that was held back slowly catches up. */
const FASTEST = 1.01;
/** Smaller differences are not worth a word. */
const TOLERANCE_MS = 5 * 60_000;

/**
 * The clock by which locks expire. It follows the machine's clock, but while the machine runs it goes no faster than
 * the uptime does, over a restart it takes no step of more than 7 days, and it never goes back: whoever moves the
 * machine's clock frees nothing.
 */
export class HeldClock {
  readonly #clock: Clock;
  readonly #uptime: () => Uptime;
  #state: ClockState;

  /** Without `before` the machine's clock is believed. */
  constructor(clock: Clock, uptime: () => Uptime, before: ClockState | undefined) {
    this.#clock = clock;
    this.#uptime = uptime;
    this.#state = before ?? { now: clock.now(), ...uptime() };
  }

  now(): number {
    const { now, bootId, elapsedMs } = this.#state;
    const uptime = this.#uptime();
    const sameBoot = uptime.bootId === bootId && uptime.elapsedMs >= elapsedMs;
    const longest = sameBoot ? (uptime.elapsedMs - elapsedMs) * FASTEST : MAX_STEP_MS;
    const step = Math.min(this.#clock.now() - now, longest);
    // time that passed while the machine's clock stood behind was real, so it is not used up by looking
    if (step > 0) this.#state = { now: now + step, ...uptime };
    return Math.floor(this.#state.now);
  }

  /** How far the machine's clock is ahead of what counts, ms; 0 when it is not worth a word. */
  get heldBackMs(): number {
    const ahead = this.#clock.now() - this.now();
    return ahead > TOLERANCE_MS ? ahead : 0;
  }

  /** As of now, to be kept for the next run. */
  state(): ClockState {
    this.now();
    return this.#state;
  }
}
