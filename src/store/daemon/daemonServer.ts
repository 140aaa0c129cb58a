import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { CodedError, httpStatus } from '../../lib/error.ts';
import type { ObjectRange } from '../backend.ts';
import {
  type DaemonAddress,
  type DaemonError,
  decodeAddress,
  LANDING_HEADER,
  type ListLine,
  MAX_OBJECT_BYTES,
  RANGE_HEADER,
} from './daemonWire.ts';
import type { Gate } from './gate.ts';
import type { LockedStores } from './lockedStores.ts';

export interface DaemonServerOptions {
  readonly stores: LockedStores;
  /** Whether who comes in here may delete what is no longer locked. */
  readonly deletes: boolean;
  /** Bodies in memory at once, both ways. */
  readonly bodies: Gate;
  readonly describe: () => object;
  readonly report: (event: { readonly message: string }) => void;
}

interface Answer {
  readonly status: number;
  readonly body?: Uint8Array | object;
  readonly headers?: Readonly<Record<string, string>>;
}

const REQUEST_TIMEOUT_MS = 120_000;
const MAX_CONNECTIONS = 512;
const SMALL_BODY_BYTES = 1024;

/** Not listening yet. */
export const createDaemonServer = (options: DaemonServerOptions): Server => {
  const server = createServer({ maxHeaderSize: 8192, requireHostHeader: false }, (request, response) => {
    respond(options, request, response).catch((error: unknown) => {
      options.report({ message: `A request met a defect: ${(error as Error).stack}` });
      response.destroy();
    });
  });
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = REQUEST_TIMEOUT_MS / 4;
  server.timeout = REQUEST_TIMEOUT_MS;
  server.maxConnections = MAX_CONNECTIONS;
  return server;
};

async function respond(options: DaemonServerOptions, request: IncomingMessage, response: ServerResponse) {
  try {
    const address = decodeAddress(request.url ?? '');
    if (request.method === 'GET' && address.call === 'list') return await sendList(options, address, response);
    const isHeavy = address.call === 'objects' && (request.method === 'PUT' || request.method === 'GET');
    const act = async () => send(response, await answer(options, address, request));
    await (isHeavy ? options.bodies.run(act) : act());
  } catch (error) {
    if (response.headersSent || response.destroyed) return void response.destroy();
    if (!(error instanceof CodedError))
      options.report({ message: `A request met a defect: ${(error as Error).stack}` });
    await send(response, refusal(error));
  }
}

async function answer(
  { stores, deletes, describe }: DaemonServerOptions,
  { call, store, name }: DaemonAddress,
  request: IncomingMessage,
): Promise<Answer> {
  switch (`${request.method} ${call}`) {
    case 'GET about':
      return { status: 200, body: { ...describe(), deletes } };
    case 'PUT objects': {
      const bytes = await bodyOf(request, MAX_OBJECT_BYTES);
      const outcome = await stores.put(store, name, bytes, daysOf(request.headers[LANDING_HEADER]));
      return { status: outcome === 'created' ? 201 : 200, body: { outcome } };
    }
    case 'GET objects':
      return { status: 200, body: await stores.get(store, name, rangeOf(request.headers[RANGE_HEADER])) };
    case 'HEAD objects': {
      const found = await stores.head(store, name);
      return found ? { status: 200, headers: { 'content-length': String(found.sizeBytes) } } : { status: 404 };
    }
    case 'DELETE objects':
      if (!deletes) throw await mayNotDelete(stores, store, name);
      await stores.delete(store, name);
      return { status: 204 };
    case 'GET locks':
      return { status: 200, body: { until: await stores.lockedUntil(store, name) } };
    case 'PUT locks': {
      const until = untilOf(await bodyOf(request, SMALL_BODY_BYTES));
      return { status: 200, body: { until: await stores.extend(store, name, until) } };
    }
    default:
      throw new CodedError('DaemonRefused', `The daemon knows no '${request.method}' of ${call}.`, {
        recommendations: ['Objects are put, read, listed and locked, and deleted when their lock has ended.'],
      });
  }
}

/** A lock says more than the right that is missing here. */
const mayNotDelete = async (stores: LockedStores, store: string, name: string): Promise<CodedError> => {
  if (await stores.head(store, name)) stores.assertExpired(store, name);
  return new CodedError('DaemonRefused', `Nothing is deleted through this socket, '${name}' neither.`, {
    target: name,
    recommendations: ["Deleting is for who may open the daemon's reaper socket."],
  });
};

async function bodyOf(request: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const length = Number(request.headers['content-length'] ?? Number.NaN);
  if (!Number.isSafeInteger(length) || length < 0 || request.headers['transfer-encoding'] !== undefined) {
    throw new CodedError('InvalidParameter', 'A body needs its length: content-length.', { target: 'content-length' });
  }
  if (length > maxBytes) {
    throw new CodedError('RequestEntityTooLarge', `The body has ${length} bytes; at most ${maxBytes} are taken.`);
  }
  const bytes = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) at += chunk.copy(bytes, at);
  if (at === length && request.complete) return bytes;
  throw new CodedError('StoreIoFailed', `The body ended after ${at} of ${length} bytes.`);
}

const daysOf = (header: string | string[] | undefined): number => {
  const text = String(header ?? '0');
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new CodedError('InvalidParameter', `${LANDING_HEADER} must be days, 0 to 9999.`, { target: LANDING_HEADER });
};

const rangeOf = (header: string | string[] | undefined): ObjectRange | undefined => {
  if (header === undefined) return undefined;
  const [, offset, length] = /^(\d{1,15})\+(\d{1,15})$/.exec(String(header)) ?? [];
  if (offset !== undefined && length !== undefined) return { offset: Number(offset), length: Number(length) };
  throw new CodedError('InvalidParameter', `${RANGE_HEADER} must be <offset>+<length>.`, { target: RANGE_HEADER });
};

const untilOf = (bytes: Uint8Array): number => {
  const text = new TextDecoder().decode(bytes);
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new CodedError('InvalidParameter', 'The body must be ms since 1970, in digits.', { target: 'until' });
};

const refusal = (error: unknown): Answer => {
  if (!(error instanceof CodedError)) {
    const body: DaemonError = { code: 'StoreIoFailed', message: 'The store daemon met a defect.', recommendations: [] };
    return { status: 500, body };
  }
  const { code, message, target, recommendations } = error;
  const body: DaemonError = { code, message, ...(target !== undefined && { target }), recommendations };
  return { status: httpStatus(code), body };
};

async function send(response: ServerResponse, { status, body, headers = {} }: Answer): Promise<void> {
  const bytes = body instanceof Uint8Array ? body : body && Buffer.from(JSON.stringify(body));
  response.writeHead(status, { ...(bytes && { 'content-length': bytes.length }), ...headers, connection: 'close' });
  response.end(bytes);
  // the gate's place is held until the bytes have left
  if (!response.closed) await once(response, 'close').catch(() => {}); // who hung up is told nothing
}

async function sendList({ stores }: DaemonServerOptions, { store, name }: DaemonAddress, response: ServerResponse) {
  response.writeHead(200, { 'content-type': 'application/x-ndjson', connection: 'close' });
  const line = async (value: ListLine) => {
    if (response.destroyed) throw new CodedError('StoreIoFailed', 'The reader hung up.');
    if (!response.write(`${JSON.stringify(value)}\n`))
      await Promise.race([once(response, 'drain'), once(response, 'close')]);
  };
  for await (const object of stores.list(store, name)) await line(object);
  await line({ end: true });
  response.end();
}
