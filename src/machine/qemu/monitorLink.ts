import { Qmp } from './qmp.ts';

/**
 * The one monitor connection of a machine, shared: QEMU serves a single client at a time. It is open while somebody
 * uses it, and can be lent to another process.
 */
export class MonitorLink {
  readonly #path: string;
  #connection: Promise<Qmp> | undefined;
  #users = 0;
  #lent: Promise<void> | undefined;
  #whenIdle: () => void = () => {};

  constructor(path: string) {
    this.#path = path;
  }

  get isLent(): boolean {
    return this.#lent !== undefined;
  }

  /** Errors: HostUnavailable. */
  async use<T>(work: (qmp: Qmp) => Promise<T>): Promise<T> {
    while (this.#lent) await this.#lent;
    this.#users++;
    try {
      return await work(await this.#connect());
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
    const open = await this.#connection;
    if (open && !open.isClosed) return open;
    const connecting = Qmp.connect(this.#path);
    this.#connection = connecting;
    try {
      return await connecting;
    } catch (error) {
      this.#connection = undefined;
      throw error;
    }
  }

  async #close(): Promise<void> {
    const open = this.#connection;
    this.#connection = undefined;
    // A connection that failed has told its users already.
    await (await open?.catch(() => undefined))?.[Symbol.asyncDispose]();
    this.#whenIdle();
  }
}
