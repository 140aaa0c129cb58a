import type { IncomingMessage } from 'node:http';
import { CodedError } from '../../lib/error.ts';
import type { Backend, DaemonSpec, ObjectInfo, ObjectLock, ObjectRange } from '../backend.ts';
import {
  assertStoreName,
  type DaemonCall,
  LANDING_HEADER,
  type ListLine,
  MAX_OBJECT_BYTES,
  RANGE_HEADER,
} from '../daemon/daemonWire.ts';
import { assertObjectName } from '../format/names.ts';
import { callDaemon, type DaemonAnswer, type DaemonRequest, openAnswer } from './daemonCall.ts';
import { rangeOutside } from './failures.ts';

/** A store with a store daemon. Deletes only where the spec's socket is the daemon's reaper socket: else DaemonRefused. */
export class DaemonBackend implements Backend {
  readonly lock?: ObjectLock;
  readonly #spec: DaemonSpec;

  /** Errors: InvalidParameter. */
  constructor(spec: DaemonSpec) {
    assertStoreName(spec.store);
    this.#spec = spec;
    if (spec.lock)
      this.lock = {
        retainedUntil: (name) => this.#lockedUntil(name),
        extend: (name, until) => this.#extend(name, until),
      };
  }

  async put(name: string, bytes: Uint8Array, signal?: AbortSignal): Promise<'created' | 'exists'> {
    if (bytes.length > MAX_OBJECT_BYTES) {
      throw new CodedError(
        'InvalidParameter',
        `'${name}' has ${bytes.length} bytes; a store daemon takes ${MAX_OBJECT_BYTES}.`,
        { target: name },
      );
    }
    const { lock } = this.#spec;
    const headers = lock ? { [LANDING_HEADER]: String(lock.landingDays) } : {};
    const { status } = await this.#call('PUT', 'objects', name, { headers, body: bytes, signal });
    return status === 201 ? 'created' : 'exists';
  }

  async get(name: string, range?: ObjectRange): Promise<Uint8Array> {
    const headers = range ? { [RANGE_HEADER]: `${range.offset}+${range.length}` } : {};
    const { body } = await this.#call('GET', 'objects', name, { headers });
    if (range && body.length !== range.length) throw rangeOutside(name, range);
    return body;
  }

  async head(name: string): Promise<{ readonly sizeBytes: number } | undefined> {
    const { status, headers } = await this.#call('HEAD', 'objects', name);
    return status === 404 ? undefined : { sizeBytes: Number(headers['content-length']) };
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    const { socket, store } = this.#spec;
    if (!/^[A-Za-z0-9._/-]*$/.test(prefix)) return;
    const answer = await openAnswer(socket, { method: 'GET', address: { call: 'list', store, name: prefix } });
    try {
      for await (const text of linesOf(answer)) {
        const line = JSON.parse(text) as ListLine;
        if ('end' in line) return;
        yield line;
      }
    } finally {
      answer.destroy();
    }
    throw cutOff(prefix);
  }

  async delete(name: string): Promise<void> {
    await this.#call('DELETE', 'objects', name);
  }

  async #lockedUntil(name: string): Promise<number> {
    return untilIn(await this.#call('GET', 'locks', name));
  }

  async #extend(name: string, until: number): Promise<void> {
    const reached = untilIn(await this.#call('PUT', 'locks', name, { body: Buffer.from(String(until)) }));
    if (reached < until)
      throw new CodedError('StoreLies', `'${name}' was not locked as long as was asked for.`, { target: name });
  }

  async #call(
    method: DaemonRequest['method'],
    call: DaemonCall,
    name: string,
    more: Pick<DaemonRequest, 'headers' | 'body' | 'signal'> = {},
  ): Promise<DaemonAnswer> {
    assertObjectName(name);
    const { socket, store } = this.#spec;
    return callDaemon(socket, { method, address: { call, store, name }, ...more });
  }
}

const untilIn = ({ body }: DaemonAnswer): number =>
  (JSON.parse(new TextDecoder().decode(body)) as { until: number }).until;

const cutOff = (prefix: string, cause?: unknown): CodedError =>
  new CodedError('StoreIoFailed', `The store daemon's list of '${prefix}' was cut off.`, { target: prefix, cause });

async function* linesOf(answer: IncomingMessage): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop()!;
      yield* lines;
    }
  } catch (error) {
    throw cutOff('', error);
  }
}
