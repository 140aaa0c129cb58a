import type { Logger } from './log.ts';

interface Running {
  readonly ended: Promise<void>;
  readonly abort: AbortController;
}

/**
 * Work that goes on after its request was answered, each under a key of its own. Disposing it aborts all and waits.
 * The work records its own failure; what it throws besides is a bug, and logged.
 */
export class BackgroundWork implements AsyncDisposable {
  readonly #log: Logger;
  readonly #running = new Map<string, Running>();

  constructor(log: Logger) {
    this.#log = log;
  }

  start(key: string, work: (signal: AbortSignal) => Promise<void>): void {
    const abort = new AbortController();
    const ended = work(abort.signal)
      .catch((err: unknown) => {
        if (!abort.signal.aborted) this.#log.error({ err, key }, 'background work failed');
      })
      .finally(() => this.#running.delete(key));
    this.#running.set(key, { ended, abort });
  }

  isRunning(key: string): boolean {
    return this.#running.has(key);
  }

  /** Resolves when the work of that key has ended; at once when there is none. */
  async ended(key: string): Promise<void> {
    await this.#running.get(key)?.ended;
  }

  /** Aborts the work of that key; whether there was any. */
  cancel(key: string, reason: Error): boolean {
    const running = this.#running.get(key);
    running?.abort.abort(reason);
    return running !== undefined;
  }

  /** Resolves when nothing runs any more, what was begun meanwhile included. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all([...this.#running.values()].map(({ ended }) => ended));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { abort } of this.#running.values()) abort.abort(new Error('the server stops'));
    await this.idle();
  }
}
