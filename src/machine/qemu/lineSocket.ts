import { connect, type Socket } from 'node:net';
import { CodedError } from '../../lib/error.ts';

export interface LineSocketOptions {
  readonly path: string;
  /** Most bytes that may wait here unread: a peer that sends more is cut off. */
  readonly maxBytes: number;
  /** Whom the words of errors name. */
  readonly peer: string;
  readonly signal?: AbortSignal;
}

/**
 * Lines over a Unix socket, read one by one. Errors: HostUnavailable when the socket cannot be reached,
 * closes, or floods.
 */
export class LineSocket implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #options: LineSocketOptions;
  #lines: Uint8Array[] = [];
  #parts: Uint8Array[] = [];
  #waitingBytes = 0;
  #closed: CodedError | undefined;
  #wake: () => void = () => {};

  private constructor(socket: Socket, options: LineSocketOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('data', (bytes) => this.#take(bytes as Uint8Array));
    socket.on('error', (cause) => this.#close('failed', cause));
    socket.on('close', () => this.#close('closed the connection'));
  }

  static connect(options: LineSocketOptions): Promise<LineSocket> {
    return new Promise((resolve, reject) => {
      options.signal?.throwIfAborted();
      const socket = connect(options.path);
      socket.once('connect', () => resolve(new LineSocket(socket, options)));
      socket.once('error', (cause: NodeJS.ErrnoException) =>
        reject(unavailable(options, `cannot be reached (${cause.code ?? cause.message})`, cause)),
      );
    });
  }

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  send(bytes: Uint8Array | string): void {
    if (this.#closed) throw this.#closed;
    this.#socket.write(bytes);
  }

  /** The next line without its line feed. Rejects with the signal's reason, or when no line will come. */
  async next(signal: AbortSignal): Promise<Uint8Array> {
    for (;;) {
      signal.throwIfAborted();
      const line = this.#lines.shift();
      if (line) {
        this.#waitingBytes -= line.length;
        return line;
      }
      if (this.#closed) throw this.#closed;
      const woken = Promise.withResolvers<void>();
      this.#wake = woken.resolve;
      signal.addEventListener('abort', this.#wake, { once: true });
      await woken.promise;
      signal.removeEventListener('abort', this.#wake);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    this.#close('is closed');
  }

  #take(bytes: Uint8Array): void {
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes > this.#options.maxBytes) {
      this.#close(`sent more than ${this.#options.maxBytes} bytes`);
      this.#socket.destroy();
      return;
    }
    let rest = bytes;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      this.#lines.push(Buffer.concat([...this.#parts, rest.subarray(0, end)]));
      this.#waitingBytes -= 1;
      this.#parts = [];
      rest = rest.subarray(end + 1);
    }
    if (rest.length > 0) this.#parts.push(rest);
    this.#wake();
  }

  #close(what: string, cause?: unknown): void {
    this.#closed ??= unavailable(this.#options, what, cause);
    this.#wake();
  }
}

const unavailable = ({ path, peer }: LineSocketOptions, what: string, cause?: unknown): CodedError =>
  new CodedError('HostUnavailable', `${peer} at ${path} ${what}`, { target: peer, cause });
