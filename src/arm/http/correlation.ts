import type { FastifyRequest } from 'fastify';

const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** The caller's own correlation id when it is a UUID, so that a log cannot be written into; else the request's. */
export function correlationIdOf(request: FastifyRequest): string {
  const given = request.headers['x-ms-correlation-request-id'];
  return typeof given === 'string' && UUID.test(given) ? given : request.id;
}
