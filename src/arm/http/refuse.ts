import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { CodedError } from '../../lib/error.ts';
import { decodeSegment } from '../name.ts';

/** Where two of a header could be read as one thing here and as another behind or before us. */
const SINGLE = ['authorization', 'host', 'content-type', 'content-length', 'transfer-encoding', 'if-match'];

/**
 * Refuses what has two readings, before anything else looks at the request.
 * Errors: InvalidResourceName for the path, BadRequest for the headers, UnsupportedMediaType for a compressed body.
 */
export function refuseAmbiguous(request: IncomingMessage): void {
  const url = request.url ?? '';
  if (!url.startsWith('/') || url.includes('#')) {
    throw new CodedError('InvalidResourceName', 'The request path must begin with a slash and hold no fragment.');
  }
  for (const segment of (url.split('?', 1)[0] ?? '').split('/')) decodeSegment(segment);
  const seen = new Set<string>();
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i]?.toLowerCase() ?? '';
    if (SINGLE.includes(name) && seen.has(name)) {
      throw new CodedError('BadRequest', `The header '${name}' may stand only once.`, { target: name });
    }
    seen.add(name);
  }
  if (seen.has('content-length') && seen.has('transfer-encoding')) {
    throw new CodedError('BadRequest', 'Content-Length and Transfer-Encoding may not stand together.');
  }
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new CodedError('UnsupportedMediaType', 'A compressed request content is not accepted.');
  }
}

/** Answers what is no HTTP at all, or came too slowly or too big, and closes the connection. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, code, message] = describe(error.code);
  const body = JSON.stringify({ error: { code, message } });
  const head = `HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\ncache-control: no-store\r\n`;
  socket.end(`${head}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`);
}

function describe(code: string | undefined): [status: string, code: string, message: string] {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return ['431 Request Header Fields Too Large', 'BadRequest', 'The request line and headers exceed 16 KiB.'];
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return ['408 Request Timeout', 'RequestTimeout', 'The request did not arrive in time.'];
  }
  return ['400 Bad Request', 'BadRequest', 'The request is not valid HTTP.'];
}
