import { randomUUID } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import { type Clock, isoTime } from '../../lib/clock.ts';

/** Why no token is given, in the numbers and words of Microsoft Entra, which clients print. */
export interface Refusal {
  readonly status: number;
  readonly error: string;
  /** AADSTS number. */
  readonly number: number;
  readonly why: string;
  readonly retryAfterMs?: number;
}

export const isRefusal = (answer: object): answer is Refusal => 'why' in answer;

export function refuse(reply: FastifyReply, refusal: Refusal, clock: Clock): FastifyReply {
  const [traceId, timestamp] = [randomUUID(), isoTime(clock.now())];
  if (refusal.retryAfterMs !== undefined) reply.header('retry-after', String(Math.ceil(refusal.retryAfterMs / 1000)));
  return reply.code(refusal.status).send({
    error: refusal.error,
    error_description: `AADSTS${refusal.number}: ${refusal.why} Trace ID: ${traceId} Timestamp: ${timestamp}`,
    error_codes: [refusal.number],
    timestamp,
    trace_id: traceId,
    correlation_id: reply.request.id,
  });
}

export const invalidGrant = (number: number, why: string): Refusal => ({
  status: 400,
  error: 'invalid_grant',
  number,
  why,
});

export const invalidRequest = (number: number, why: string): Refusal => ({
  status: 400,
  error: 'invalid_request',
  number,
  why,
});
