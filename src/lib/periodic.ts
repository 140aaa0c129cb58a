import type { Clock } from './clock.ts';
import type { Logger } from './log.ts';

export interface PeriodicOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** The rest between the end of one turn and the begin of the next. */
  readonly everyMs: number;
  /** For the log, after 'met an error': 'the scheduler'. */
  readonly what: string;
}

/** Work that is done again and again: what one turn throws is logged, and the next comes all the same. */
export class Periodic {
  readonly #options: PeriodicOptions;
  readonly #turn: () => Promise<void>;
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: PeriodicOptions, turn: () => Promise<void>) {
    this.#options = options;
    this.#turn = turn;
  }

  /** Aborted when it is told to stop: a turn under way may end early. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Resolves when the turn under way has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the server is stopping'));
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { clock, log, everyMs, what } = this.#options;
    while (!this.signal.aborted) {
      await this.#turn().catch((err: unknown) => {
        if (!this.signal.aborted) log.error({ err }, `${what} met an error`);
      });
      await clock.sleep(everyMs, this.signal).catch(() => {}); // aborted: the loop ends
    }
  }
}
