import type { IncomingHttpHeaders } from 'node:http';
import { Agent, request } from 'node:https';
import { CodedError } from '../lib/error.ts';

export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Http extends Disposable {
  /**
   * One exchange; any status is an answer.
   * Errors: ServerUnreachable, ServerNotTrusted, ServerAnswerInvalid; the signal's reason.
   */
  send(request: HttpRequest): Promise<HttpAnswer>;
}

const ANSWER_TIMEOUT_MS = 120_000;
const ANSWER_MAX_BYTES = 64 * 1024 * 1024;

/** HTTPS that trusts `ca` (PEM) alone, or the system's authorities when there is none. */
export function createHttp(ca: string | undefined): Http {
  const agent = new Agent({ keepAlive: true, ...(ca === undefined ? {} : { ca }) });
  return {
    send: (call) => exchange(agent, call),
    [Symbol.dispose]: () => agent.destroy(),
  };
}

function exchange(agent: Agent, call: HttpRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    call.signal.throwIfAborted();
    const fail = (error: Error) => reject(call.signal.aborted ? call.signal.reason : translate(error, call.url));
    const outgoing = request(
      call.url,
      { method: call.method, headers: call.headers, agent, signal: call.signal, timeout: ANSWER_TIMEOUT_MS },
      (incoming) => {
        const parts: Uint8Array[] = [];
        let sizeBytes = 0;
        incoming.on('data', (part: Uint8Array) => {
          sizeBytes += part.length;
          if (sizeBytes > ANSWER_MAX_BYTES) incoming.destroy(new Error('the answer is over 64 MiB'));
          else parts.push(part);
        });
        incoming.on('error', fail);
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            text: Buffer.concat(parts).toString('utf8'),
          }),
        );
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${ANSWER_TIMEOUT_MS / 1000} s`)));
    outgoing.on('error', fail);
    outgoing.end(call.body);
  });
}

/** TLS refusals come with many codes; all others mean that no answer came. */
const UNTRUSTED = /^(CERT_|ERR_TLS|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA)/;

function translate(error: Error, url: string): CodedError {
  const origin = new URL(url).origin;
  const code = 'code' in error ? String(error.code) : '';
  if (UNTRUSTED.test(code)) {
    return new CodedError('ServerNotTrusted', `The certificate of ${origin} is not trusted: ${error.message}.`, {
      target: origin,
      recommendations: ["Name the server's certificate authority in caFile of the client file."],
      cause: error,
    });
  }
  const why = code === 'ECONNREFUSED' ? 'nothing listens there' : error.message || code;
  return new CodedError('ServerUnreachable', `${origin} cannot be reached: ${why}.`, {
    target: origin,
    recommendations: ['See that the server runs and that endpoint of the client file is right.'],
    cause: error,
  });
}
