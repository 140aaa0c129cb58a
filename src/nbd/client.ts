import { connect, type Socket } from 'node:net';
import { CodedError } from '../lib/error.ts';
import type { NbdExtent } from './extent.ts';
import { BlockStatusCursor } from './wire/blockStatus.ts';
import { ByteFeed } from './wire/byteFeed.ts';
import { negotiate } from './wire/negotiate.ts';
import { COMMAND, REQUEST_BYTES, REQUEST_MAGIC, viewOf } from './wire/protocol.ts';
import { type PendingReply, ReplyReader } from './wire/replyReader.ts';

export interface NbdAddress {
  readonly socketPath: string;
  /** '' is the server's default export. */
  readonly exportName: string;
}

export interface NbdOptions extends NbdAddress {
  /** Metadata contexts for `extents`: `base:allocation`, `qemu:allocation-depth`, `qemu:dirty-bitmap:NAME` … */
  readonly contexts?: readonly string[];
  /** Ends the connection: whatever is under way rejects with its reason. */
  readonly signal?: AbortSignal;
}

/** One read request on the wire never asks for more; a longer read is several requests. */
const REQUEST_MAX_BYTES = 1 << 20;
const REQUESTS_IN_FLIGHT = 16;
/** Below 2^32 and aligned to any block size. */
const STATUS_MAX_BYTES = 2 ** 31;
const RECEIVE_BUFFER_BYTES = 256 * 1024;

/**
 * An NBD connection for reading. Calls may overlap: requests are pipelined, at most 16 in flight.
 * Errors: NbdConnectionLost, NbdProtocolInvalid, NbdExportUnavailable (connect), NbdReadFailed (the server's own error).
 */
export class NbdClient implements AsyncDisposable {
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  readonly #socket: Socket;
  readonly #replies: ReplyReader;
  readonly #contexts: ReadonlyMap<number, string>;
  readonly #waiting: (() => void)[] = [];
  #inFlight = 0;
  #nextCookie = 1;

  private constructor(
    socket: Socket,
    replies: ReplyReader,
    contexts: ReadonlyMap<number, string>,
    sizeBytes: number,
    readOnly: boolean,
  ) {
    this.#socket = socket;
    this.#replies = replies;
    this.#contexts = contexts;
    this.sizeBytes = sizeBytes;
    this.readOnly = readOnly;
  }

  static async connect(options: NbdOptions): Promise<NbdClient> {
    options.signal?.throwIfAborted();
    const { socket, feed, failed } = openSocket(options.socketPath);
    const stop = () => socket.destroy(options.signal?.reason as Error);
    options.signal?.addEventListener('abort', stop, { once: true });
    socket.once('close', () => options.signal?.removeEventListener('abort', stop));
    try {
      const agreed = await negotiate(feed, (bytes) => socket.write(bytes), options.exportName, options.contexts ?? []);
      const replies = new ReplyReader(feed, agreed.structured);
      failed((reason) => replies.fail(reason));
      replies.start();
      return new NbdClient(socket, replies, agreed.contexts, agreed.sizeBytes, agreed.readOnly);
    } catch (error) {
      socket.destroy();
      throw options.signal?.aborted ? options.signal.reason : error;
    }
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const buffer = new Uint8Array(length);
    await this.readInto(offset, buffer);
    return buffer;
  }

  /** Fills `buffer` from `offset`. On an error the buffer's content is undefined. */
  async readInto(offset: number, buffer: Uint8Array): Promise<void> {
    this.#checkRange(offset, buffer.length);
    if (buffer.length <= REQUEST_MAX_BYTES) {
      if (buffer.length > 0) await this.#readPart(offset, buffer);
      return;
    }
    const parts: Promise<void>[] = [];
    for (let at = 0; at < buffer.length; at += REQUEST_MAX_BYTES) {
      parts.push(this.#readPart(offset + at, buffer.subarray(at, at + REQUEST_MAX_BYTES)));
    }
    await allOrFirstError(parts);
  }

  /** The export's extents in ascending order over `[offset, end)`, neighbours with equal flags merged. Needs contexts. */
  async *extents(offset = 0, end = this.sizeBytes): AsyncIterable<NbdExtent> {
    this.#checkRange(offset, end - offset);
    if (this.#contexts.size === 0)
      throw new CodedError('InvalidParameter', 'extents() needs a connection opened with contexts', {
        target: 'contexts',
      });
    const cursor = new BlockStatusCursor(this.#contexts);
    let position = offset;
    while (position < end) {
      const length = Math.min(end - position, STATUS_MAX_BYTES);
      const status = await this.#status(position, length);
      const { extents, covered } = cursor.merge(position, length, status);
      position += covered;
      yield* extents;
    }
    yield* cursor.rest();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.destroyed) return;
    // With requests still queued the peer does not read; waiting to say goodbye could last for ever.
    if (this.#socket.writableLength === 0) {
      await new Promise<void>((resolve) => {
        this.#socket.once('close', () => resolve());
        this.#socket.write(requestBytes(COMMAND.disconnect, this.#nextCookie++, 0, 0), () => resolve());
      });
    }
    this.#socket.destroy();
  }

  async #readPart(offset: number, target: Uint8Array): Promise<void> {
    await this.#request(COMMAND.read, offset, target.length, (settle) => ({ kind: 'read', offset, target, ...settle }));
  }

  async #status(offset: number, length: number): Promise<ReadonlyMap<number, Uint8Array>> {
    const byContext = new Map<number, Uint8Array>();
    await this.#request(COMMAND.blockStatus, offset, length, (settle) => ({ kind: 'status', byContext, ...settle }));
    return byContext;
  }

  async #request(
    command: number,
    offset: number,
    length: number,
    pending: (settle: { resolve: () => void; reject: (reason: unknown) => void }) => PendingReply,
  ): Promise<void> {
    if (this.#inFlight >= REQUESTS_IN_FLIGHT) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#inFlight++;
    try {
      await new Promise<void>((resolve, reject) => {
        const cookie = this.#nextCookie++;
        if (this.#replies.add(cookie, pending({ resolve, reject }))) {
          this.#socket.write(requestBytes(command, cookie, offset, length));
        }
      });
    } finally {
      this.#inFlight--;
      this.#waiting.shift()?.();
    }
  }

  #checkRange(offset: number, length: number): void {
    if (Number.isSafeInteger(offset) && offset >= 0 && length >= 0 && offset + length <= this.sizeBytes) return;
    throw new CodedError(
      'InvalidParameter',
      `The range [${offset}, ${offset + length}) is not inside the export of ${this.sizeBytes} bytes`,
      {
        target: 'offset',
      },
    );
  }
}

function openSocket(socketPath: string) {
  let failure: { readonly reason: unknown } | undefined;
  let onFailure: (reason: unknown) => void = () => {};
  const feed = new ByteFeed(() => socket.resume());
  const failWith = (reason: unknown) => {
    failure ??= { reason };
    feed.fail(reason);
    onFailure(reason);
  };
  const socket: Socket = connect({
    path: socketPath,
    onread: {
      buffer: new Uint8Array(RECEIVE_BUFFER_BYTES),
      callback: (count, buffer) => {
        try {
          return feed.feed(buffer.subarray(0, count));
        } catch (error) {
          // A broken protocol has no next message: the connection ends with what was wrong.
          socket.destroy(error as Error);
          return false;
        }
      },
    },
  });
  const lost = (why: string, cause?: unknown) =>
    new CodedError('NbdConnectionLost', `The NBD connection to '${socketPath}' ${why}`, { target: socketPath, cause });
  socket.on('error', (error) =>
    failWith(error instanceof Error && 'syscall' in error ? lost(`failed: ${error.message}`, error) : error),
  );
  socket.on('end', () => failWith(lost('was closed by the server')));
  socket.on('close', () => failWith(lost('is closed')));
  const failed = (handler: (reason: unknown) => void) => {
    onFailure = handler;
    if (failure) handler(failure.reason);
  };
  return { socket, feed, failed };
}

function requestBytes(command: number, cookie: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(REQUEST_BYTES);
  const view = viewOf(bytes);
  view.setUint32(0, REQUEST_MAGIC);
  view.setUint16(6, command);
  view.setBigUint64(8, BigInt(cookie));
  view.setBigUint64(16, BigInt(offset));
  view.setUint32(24, length);
  return bytes;
}

/** Waits until every part has settled, so that nobody writes into the buffer after an error was told. */
async function allOrFirstError(parts: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(parts)) if (result.status === 'rejected') throw result.reason;
}
