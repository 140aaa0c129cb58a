import type { Logger } from '../../lib/log.ts';

/** Tells the log of the machines that a host leaves out: once, and again when the problem has changed. */
export class ProblemLog {
  readonly #host: string;
  readonly #log: Logger;
  #known: ReadonlySet<string> = new Set();

  constructor(host: string, log: Logger) {
    this.#host = host;
    this.#log = log;
  }

  /** All problems there are now; one that is missing here is over, and counts as new when it comes back. */
  note(problems: readonly string[]): void {
    const now = new Set(problems);
    for (const problem of now.difference(this.#known))
      this.#log.warn({ host: this.#host, problem }, 'machine left out of the list');
    this.#known = now;
  }
}
