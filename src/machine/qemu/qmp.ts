import { CodedError } from '../../lib/error.ts';
import { LineSocket } from './lineSocket.ts';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json | undefined };

export interface QmpCommand {
  readonly execute: string;
  readonly arguments?: Readonly<Record<string, Json>>;
}

export interface QmpOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

interface Reply {
  readonly id?: number;
  readonly QMP?: unknown;
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
}

interface Pending {
  readonly command: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/** query-named-block-nodes of a machine with many disks is long. */
const MAX_BYTES = 16 * 2 ** 20;
const TIMEOUT_MS = 30_000;

/** QEMU said no; `class` is its own word. */
export class QmpRefusal extends CodedError {
  readonly class: string;

  constructor(command: string, error: { readonly class: string; readonly desc: string }) {
    super('SnapshotFailed', `QEMU refused ${command}: ${error.desc}`, { target: command });
    this.class = error.class;
  }
}

/** QEMU is there, or something in its place, and does not answer. */
export class QemuSilent extends CodedError {
  constructor(message: string, cause?: unknown) {
    super('HostUnavailable', message, { target: 'QEMU', cause });
  }
}

/**
 * A connection to a QEMU monitor. QEMU serves one at a time: a second waits until the first is disposed.
 * Errors: HostUnavailable, QmpRefusal.
 */
export class Qmp implements AsyncDisposable {
  readonly #socket: LineSocket;
  readonly #pending = new Map<number, Pending>();
  readonly #ended = new AbortController();
  #nextId = 1;

  private constructor(socket: LineSocket) {
    this.#socket = socket;
  }

  static async connect(path: string, { timeoutMs = TIMEOUT_MS, signal }: QmpOptions = {}): Promise<Qmp> {
    const socket = await LineSocket.connect({ path, maxBytes: MAX_BYTES, peer: 'QEMU', ...(signal ? { signal } : {}) });
    try {
      const greeting = parse(await socket.next(withTimeout(timeoutMs, signal)));
      if (greeting.QMP === undefined) throw notQmp();
    } catch (error) {
      await socket[Symbol.asyncDispose]();
      throw timedOut(error, `QEMU at ${path} does not greet: is another client connected?`);
    }
    const qmp = new Qmp(socket);
    const reading = qmp.#readReplies();
    reading.catch(() => {});
    try {
      await qmp.command('qmp_capabilities', undefined, { timeoutMs, ...(signal ? { signal } : {}) });
    } catch (error) {
      await qmp[Symbol.asyncDispose]();
      throw error;
    }
    return qmp;
  }

  get isClosed(): boolean {
    return this.#socket.isClosed;
  }

  async command<T = unknown>(
    execute: string,
    args?: Readonly<Record<string, Json>>,
    { timeoutMs = TIMEOUT_MS, signal }: QmpOptions = {},
  ): Promise<T> {
    const id = this.#nextId++;
    const answered = Promise.withResolvers<unknown>();
    this.#pending.set(id, { command: execute, resolve: answered.resolve, reject: answered.reject });
    const limit = withTimeout(timeoutMs, signal);
    const stop = () => answered.reject(limit.reason);
    limit.addEventListener('abort', stop, { once: true });
    try {
      this.#socket.send(`${JSON.stringify({ execute, id, ...(args ? { arguments: args } : {}) })}\n`);
      return (await answered.promise) as T;
    } catch (error) {
      throw timedOut(error, `QEMU did not answer ${execute} in ${timeoutMs} ms`);
    } finally {
      limit.removeEventListener('abort', stop);
      this.#pending.delete(id);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#socket[Symbol.asyncDispose]();
  }

  async #readReplies(): Promise<void> {
    try {
      for (;;) this.#settle(parse(await this.#socket.next(this.#ended.signal)));
    } catch (error) {
      await this.#socket[Symbol.asyncDispose]();
      for (const { reject, command } of this.#pending.values())
        reject(
          new CodedError('HostUnavailable', `QEMU went away during ${command}`, { target: command, cause: error }),
        );
    }
  }

  #settle(reply: Reply): void {
    const pending = reply.id === undefined ? undefined : this.#pending.get(reply.id);
    if (!pending) return;
    if (reply.error) pending.reject(new QmpRefusal(pending.command, reply.error));
    else pending.resolve(reply.return);
  }
}

const DECODER = new TextDecoder('utf-8', { fatal: true });

const parse = (line: Uint8Array): Reply => {
  try {
    const value: unknown = JSON.parse(DECODER.decode(line));
    if (typeof value === 'object' && value !== null) return value;
  } catch (cause) {
    throw notQmp(cause);
  }
  throw notQmp();
};

const notQmp = (cause?: unknown): CodedError =>
  new CodedError('HostUnavailable', 'QEMU answered with what is no QMP', { target: 'QEMU', cause });

export const withTimeout = (timeoutMs: number, signal?: AbortSignal): AbortSignal =>
  AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]);

const timedOut = (error: unknown, message: string): unknown =>
  error instanceof DOMException && error.name === 'TimeoutError' ? new QemuSilent(message, error) : error;
