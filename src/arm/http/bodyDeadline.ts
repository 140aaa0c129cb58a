import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../lib/clock.ts';
import { answerClientError } from './refuse.ts';

const DEADLINE_MS = 30_000;

/**
 * Ends a request whose body has not arrived in half a minute. The listener itself has no such limit: it also takes
 * uploads of blobs, which are long.
 */
export function setBodyDeadline({ raw, headers }: FastifyRequest, reply: FastifyReply, clock: Clock): void {
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return;
  const over = new AbortController();
  raw.once('close', () => over.abort());
  const end = () => {
    if (raw.complete || raw.readableEnded) return;
    if (reply.raw.headersSent) raw.socket.destroy();
    else answerClientError(Object.assign(new Error('too slow'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), raw.socket);
  };
  void clock.sleep(DEADLINE_MS, over.signal).then(end, () => {});
}
