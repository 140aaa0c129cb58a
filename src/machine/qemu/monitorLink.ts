import { unlessAborted } from '../../lib/unlessAborted.ts';
import { Qmp } from './qmp.ts';

interface Connection {
  readonly qmp: Promise<Qmp>;
  /** Gives up connecting. */
  readonly ending: AbortController;
}

/**
 * The one monitor connection of a machine, shared: QEMU serves a single client at a time. It is open while somebody
 * uses it, and can be lent to another process.
 */
export class MonitorLink {
  readonly #path: string;
  #connection: Connection | undefined;
  #users = 0;
  #lent: Promise<void> | undefined;
  #whenIdle: () => void = () => {};

  constructor(path: string) {
    this.#path = path;
  }

  get isLent(): boolean {
    return this.#lent !== undefined;
  }

  /** An abort ends the wait, whatever hangs. Errors: HostUnavailable. */
  async use<T>(work: (qmp: Qmp) => Promise<T>, signal?: AbortSignal): Promise<T> {
    while (this.#lent) await unlessAborted(this.#lent, signal);
    this.#users++;
    try {
      return await unlessAborted(this.#connect().then(work), signal);
    } finally {
      this.#users--;
      if (this.#users === 0) await this.#close();
    }
  }

  /** Runs `work` while nobody here holds the connection. */
  async lend<T>(work: () => Promise<T>): Promise<T> {
    while (this.#lent) await this.#lent;
    const returned = Promise.withResolvers<void>();
    this.#lent = returned.promise;
    try {
      while (this.#users > 0) {
        const idle = Promise.withResolvers<void>();
        this.#whenIdle = idle.resolve;
        await idle.promise;
      }
      return await work();
    } finally {
      this.#lent = undefined;
      returned.resolve();
    }
  }

  async #connect(): Promise<Qmp> {
    const open = await this.#connection?.qmp;
    if (open && !open.isClosed) return open;
    if (this.#users === 0) throw new Error('nobody waits for the monitor any more');
    const ending = new AbortController();
    const connection = { qmp: Qmp.connect(this.#path, { signal: ending.signal }), ending };
    this.#connection = connection;
    try {
      return await connection.qmp;
    } catch (error) {
      if (this.#connection === connection) this.#connection = undefined;
      throw error;
    }
  }

  async #close(): Promise<void> {
    const open = this.#connection;
    this.#connection = undefined;
    open?.ending.abort();
    // A connection that failed has told its users already.
    await (await open?.qmp.catch(() => undefined))?.[Symbol.asyncDispose]();
    this.#whenIdle();
  }
}
