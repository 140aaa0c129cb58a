import { setImmediate as nextTurn } from 'node:timers/promises';

/** Of one turn of the event loop, ms of real time, whatever the server's clock says; a long list takes as much. */
const MOST_MS = 8;

/**
 * Lets others have their turn. SQLite answers at once, so work that asks it one thing after another would never leave
 * the event loop: nobody's request would be read until all of it is done.
 */
export class Turn {
  #began: number | undefined;

  /** Resolves at once while this turn is young, else in the next one. */
  async give(): Promise<void> {
    while (this.#began !== undefined && performance.now() - this.#began >= MOST_MS) await nextTurn();
    if (this.#began !== undefined) return;
    this.#began = performance.now();
    setImmediate(() => {
      this.#began = undefined;
    });
  }
}
