import { CodedError } from '../../lib/error.ts';
import type { ByteFeed } from './byteFeed.ts';
import {
  CHUNK,
  CHUNK_DONE,
  protocolError,
  SIMPLE_REPLY_MAGIC,
  STRUCTURED_REPLY_MAGIC,
  safeNumber,
  viewOf,
} from './protocol.ts';

interface Settle {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

export interface PendingRead extends Settle {
  readonly kind: 'read';
  readonly offset: number;
  readonly target: Uint8Array;
}

export interface PendingStatus extends Settle {
  readonly kind: 'status';
  /** Filled with each context's raw descriptors: (length u32, flags u32)*. */
  readonly byContext: Map<number, Uint8Array>;
}

export type PendingReply = PendingRead | PendingStatus;

interface UnderWay {
  readonly pending: PendingReply;
  /** Parts of a read that have arrived, relative to its offset. */
  readonly parts: { readonly at: number; readonly length: number }[];
  error: CodedError | undefined;
}

/** A status reply names at most this much; an honest server sends far less. */
const MAX_STATUS_BYTES = 8 << 20;
const MAX_ERROR_BYTES = 65_536;
/** Parts of one read: an honest server splits at its block size at the finest. */
const MAX_PARTS = 8192;

/** Reads the transmission phase: bytes of a read go straight into the buffer that asked for them. */
export class ReplyReader {
  readonly #feed: ByteFeed;
  readonly #structured: boolean;
  readonly #underWay = new Map<number, UnderWay>();
  readonly #head = new Uint8Array(20);
  readonly #view = viewOf(this.#head);
  #failure: { readonly reason: unknown } | undefined;

  constructor(feed: ByteFeed, structured: boolean) {
    this.#feed = feed;
    this.#structured = structured;
  }

  start(): void {
    this.#next();
  }

  /** `false`: the connection has failed and `pending` is already rejected. */
  add(cookie: number, pending: PendingReply): boolean {
    if (this.#failure) {
      pending.reject(this.#failure.reason);
      return false;
    }
    this.#underWay.set(cookie, { pending, parts: [], error: undefined });
    return true;
  }

  fail(reason: unknown): void {
    this.#failure ??= { reason };
    for (const { pending } of this.#underWay.values()) pending.reject(this.#failure.reason);
    this.#underWay.clear();
  }

  #next(): void {
    this.#feed.expect(this.#head.subarray(0, 16), () => {
      const magic = this.#view.getUint32(0);
      if (magic === SIMPLE_REPLY_MAGIC) this.#simple();
      else if (magic === STRUCTURED_REPLY_MAGIC && this.#structured) {
        this.#feed.expect(this.#head.subarray(16, 20), () => this.#chunk());
      } else throw protocolError(`a reply with the magic number 0x${magic.toString(16)}`);
    });
  }

  #simple(): void {
    const cookie = safeNumber(this.#view, 8, 'the cookie');
    const request = this.#find(cookie);
    const error = this.#view.getUint32(4);
    const { pending } = request;
    if (error !== 0) {
      request.error = readFailed(pending, error, '');
      this.#finish(cookie, request);
    } else if (this.#structured || pending.kind !== 'read')
      throw protocolError('a simple reply where a structured one is due');
    else {
      this.#feed.expect(pending.target, () => {
        request.parts.push({ at: 0, length: pending.target.length });
        this.#finish(cookie, request);
      });
    }
  }

  #chunk(): void {
    const done = (this.#view.getUint16(4) & CHUNK_DONE) !== 0;
    const type = this.#view.getUint16(6);
    const cookie = safeNumber(this.#view, 8, 'the cookie');
    const length = this.#view.getUint32(16);
    const request = this.#find(cookie);
    const end = () => (done ? this.#finish(cookie, request) : this.#next());
    const { pending } = request;
    if (type === CHUNK.none) {
      if (length !== 0 || !done) throw protocolError('an empty chunk that is not the last one or not empty');
      end();
    } else if (type === CHUNK.offsetData && pending.kind === 'read') this.#data(request, pending, length, end);
    else if (type === CHUNK.offsetHole && pending.kind === 'read') this.#hole(request, pending, length, end);
    else if (type === CHUNK.blockStatus && pending.kind === 'status') this.#status(pending, length, end);
    else if (type >= 0x8000) this.#error(request, length, end);
    else throw protocolError(`a chunk of type ${type} in answer to a ${pending.kind} request`);
  }

  #data(request: UnderWay, pending: PendingRead, length: number, end: () => void): void {
    if (length < 9) throw protocolError(`a data chunk of ${length} bytes`);
    const head = new Uint8Array(8);
    this.#feed.expect(head, () => {
      const part = newPart(request, pending, safeNumber(viewOf(head), 0, 'an offset'), length - 8);
      this.#feed.expect(part, end);
    });
  }

  #hole(request: UnderWay, pending: PendingRead, length: number, end: () => void): void {
    if (length !== 12) throw protocolError(`a hole chunk of ${length} bytes`);
    const head = new Uint8Array(12);
    this.#feed.expect(head, () => {
      const view = viewOf(head);
      newPart(request, pending, safeNumber(view, 0, 'an offset'), view.getUint32(8)).fill(0);
      end();
    });
  }

  #status(pending: PendingStatus, length: number, end: () => void): void {
    if (length < 12 || (length - 4) % 8 !== 0 || length > MAX_STATUS_BYTES)
      throw protocolError(`a block status chunk of ${length} bytes`);
    const payload = new Uint8Array(length);
    this.#feed.expect(payload, () => {
      const context = viewOf(payload).getUint32(0);
      if (pending.byContext.has(context)) throw protocolError(`two block status chunks for context ${context}`);
      pending.byContext.set(context, payload.subarray(4));
      end();
    });
  }

  #error(request: UnderWay, length: number, end: () => void): void {
    if (length < 6 || length > MAX_ERROR_BYTES) throw protocolError(`an error chunk of ${length} bytes`);
    const payload = new Uint8Array(length);
    this.#feed.expect(payload, () => {
      const view = viewOf(payload);
      const words = new TextDecoder().decode(payload.subarray(6, 6 + Math.min(view.getUint16(4), length - 6)));
      request.error ??= readFailed(request.pending, view.getUint32(0), words);
      end();
    });
  }

  #finish(cookie: number, request: UnderWay): void {
    this.#underWay.delete(cookie);
    const { pending } = request;
    if (request.error) pending.reject(request.error);
    else {
      if (pending.kind === 'read') checkComplete(request, pending);
      pending.resolve();
    }
    this.#next();
  }

  #find(cookie: number): UnderWay {
    const request = this.#underWay.get(cookie);
    if (!request) throw protocolError(`a reply with the unknown cookie ${cookie}`);
    return request;
  }
}

function newPart(request: UnderWay, pending: PendingRead, offset: number, length: number): Uint8Array {
  const at = offset - pending.offset;
  if (length === 0 || at < 0 || at + length > pending.target.length) {
    throw protocolError(
      `[${offset}, ${offset + length}) in answer to a read of ${pending.target.length} bytes at ${pending.offset}`,
    );
  }
  if (request.parts.push({ at, length }) > MAX_PARTS)
    throw protocolError(`a read answered in more than ${MAX_PARTS} parts`);
  return pending.target.subarray(at, at + length);
}

/** Every byte exactly once: a gap would hand out whatever the buffer held before. */
function checkComplete(request: UnderWay, pending: PendingRead): void {
  let end = 0;
  for (const part of request.parts.sort((a, b) => a.at - b.at)) {
    if (part.at !== end) break;
    end += part.length;
  }
  if (end === pending.target.length && request.parts.reduce((sum, part) => sum + part.length, 0) === end) return;
  const error = protocolError(
    `the read of ${pending.target.length} bytes at ${pending.offset} was answered with gaps or overlaps`,
  );
  pending.reject(error);
  throw error;
}

function readFailed(pending: PendingReply, error: number, words: string): CodedError {
  const what =
    pending.kind === 'read' ? `reading ${pending.target.length} bytes at ${pending.offset}` : 'asking for extents';
  return new CodedError(
    'NbdReadFailed',
    `The NBD server answered ${what} with error ${error}${words && `: ${words.slice(0, 500)}`}`,
  );
}
