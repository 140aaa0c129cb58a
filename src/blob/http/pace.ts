import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../lib/clock.ts';
import { StorageError } from './storageError.ts';

const CHECK_MS = 30_000;
const MIN_BYTES_A_SECOND = 8 * 1024;

/** Holds a body to a minimum rate, so that a slow line gets its time and one that only holds a connection does not. */
export class Pace implements Disposable {
  readonly #over = new AbortController();
  #bytes = 0;
  /** What ended the body, if that was it. */
  error: StorageError | undefined;

  constructor(request: IncomingMessage, clock: Clock) {
    void this.#watch(request, clock).catch((error: unknown) => {
      if (!this.#over.signal.aborted) throw error;
    });
  }

  count(bytes: number): void {
    this.#bytes += bytes;
  }

  [Symbol.dispose](): void {
    this.#over.abort();
  }

  async #watch(request: IncomingMessage, clock: Clock): Promise<void> {
    for (;;) {
      const before = this.#bytes;
      await clock.sleep(CHECK_MS, this.#over.signal);
      if (request.complete || this.#bytes - before >= (MIN_BYTES_A_SECOND * CHECK_MS) / 1000) continue;
      this.error = new StorageError(
        'OperationTimedOut',
        `The request body comes too slowly: at least ${MIN_BYTES_A_SECOND / 1024} KiB a second are expected.`,
      );
      // the reader is told by the end of the iteration, and answers
      request.destroy(this.error);
      return;
    }
  }
}
