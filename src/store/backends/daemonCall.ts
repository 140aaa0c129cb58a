import { request as httpRequest, type IncomingMessage } from 'node:http';
import { CodedError, isErrorCode } from '../../lib/error.ts';
import { type DaemonAddress, type DaemonError, encodeAddress } from '../daemon/daemonWire.ts';

export interface DaemonRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
  readonly address: DaemonAddress;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal | undefined;
}

export interface DaemonAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Uint8Array;
}

const SILENCE_MS = 120_000;
const MAX_REFUSAL_BYTES = 16 * 1024;

/** One call with its whole answer. Errors: the daemon's own; StoreIoFailed (nobody answers, an answer cut off). */
export const callDaemon = async (socket: string, request: DaemonRequest): Promise<DaemonAnswer> => {
  const answer = await openAnswer(socket, request);
  const { statusCode: status = 0, headers } = answer;
  return { status, headers, body: await translated(socket, request, () => wholeBody(request, answer)) };
};

/** The answer as soon as it begins; a refusal is thrown. */
export const openAnswer = async (socket: string, request: DaemonRequest): Promise<IncomingMessage> => {
  request.signal?.throwIfAborted();
  const answer = await translated(socket, request, () => begin(socket, request));
  const { statusCode = 0 } = answer;
  if (statusCode < 300 || (statusCode === 404 && request.method === 'HEAD')) return answer;
  throw refusalOf(await translated(socket, request, () => wholeBody(request, answer, MAX_REFUSAL_BYTES)), statusCode);
};

const begin = (socket: string, request: DaemonRequest): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const { method, address, body, signal } = request;
    const headers = { ...request.headers, ...(body && { 'content-length': String(body.length) }) };
    // a connection a call: over a unix socket it costs nothing, and none is found dead when it is used again
    const options = { socketPath: socket, path: encodeAddress(address), method, headers, agent: false };
    const sending = httpRequest({ ...options, timeout: SILENCE_MS, ...(signal && { signal }) }, resolve);
    sending.on('timeout', () => sending.destroy(new Error('it is silent')));
    sending.on('error', reject);
    sending.end(body);
  });

/** Errors: StoreIoFailed when the answer is shorter than it said. */
async function wholeBody(
  { method }: DaemonRequest,
  answer: IncomingMessage,
  maxBytes = Number.POSITIVE_INFINITY,
): Promise<Uint8Array> {
  const length = method === 'HEAD' ? 0 : Math.min(Number(answer.headers['content-length'] ?? 0), maxBytes);
  const bytes = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) at += chunk.copy(bytes, at);
  if (at === length && answer.complete) return bytes;
  throw new Error(`its answer ended after ${at} of ${length} bytes`);
}

const translated = async <T>(
  socket: string,
  { address, signal }: DaemonRequest,
  work: () => Promise<T>,
): Promise<T> => {
  try {
    return await work();
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    const target = address.name || socket;
    throw new CodedError('StoreIoFailed', `The store daemon at ${socket} failed: ${(cause as Error).message}.`, {
      target,
      recommendations: ['Look whether it runs, and whether this user may open its socket.'],
      cause,
    });
  }
};

const refusalOf = (body: Uint8Array, status: number): CodedError => {
  const said = parsed(body);
  if (!said || !isErrorCode(said.code)) {
    return new CodedError('StoreIoFailed', `The store daemon answered ${status} without a reason.`);
  }
  const { code, message, target, recommendations } = said;
  return new CodedError(code, message, { ...(target !== undefined && { target }), recommendations });
};

const parsed = (body: Uint8Array): DaemonError | undefined => {
  try {
    return JSON.parse(new TextDecoder().decode(body)) as DaemonError;
  } catch {
    return undefined;
  }
};
