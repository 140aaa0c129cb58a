import type { FastifyInstance, FastifyRequest } from 'fastify';
import { CodedError } from '../../lib/error.ts';
import type { RouteTable } from '../route.ts';
import { fastifyPath } from './serve.ts';

const METHODS = ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE', 'OPTIONS'] as const;

/** Answers the undeclared methods of every declared path with 405 and what is allowed there. */
export function refuseOtherMethods(app: FastifyInstance, tables: readonly RouteTable[]): void {
  const byPath = new Map<string, { url: string; allowed: Set<string> }>();
  for (const { path, method } of tables.flatMap((table) => table.routes)) {
    const key = path.toLowerCase().replace(/\{[^}]*\}/g, '{}');
    const entry = byPath.get(key) ?? { url: fastifyPath(path), allowed: new Set() };
    entry.allowed.add(method);
    byPath.set(key, entry);
  }
  for (const { url, allowed } of byPath.values()) {
    const allow = [...allowed].sort().join(', ');
    app.route({
      method: METHODS.filter((method) => !allowed.has(method)),
      url,
      onRequest: async (request, reply) => {
        reply.header('allow', allow);
        const message = `The method ${request.method} is not allowed here; allowed: ${allow}.`;
        throw new CodedError('MethodNotAllowed', message);
      },
      handler: async () => undefined,
    });
  }
}

/** ARM's three ways to say that nothing is served under a path. */
export function notFoundError(request: FastifyRequest, tables: readonly RouteTable[]): CodedError {
  const path = decodeURIComponent(request.url.split('?', 1)[0] ?? '').replace(/\/{2,}/g, '/');
  const [, namespace, type] = /^\/.*?providers\/([^/]+)(?:\/([^/]+))?/i.exec(path) ?? [];
  if (namespace === undefined) return new CodedError('NotFound', `Nothing is served at '${path.slice(0, 512)}'.`);
  const known = tables.some((table) => table.type.toLowerCase().startsWith(`${namespace.toLowerCase()}/`));
  return known
    ? new CodedError(
        'InvalidResourceType',
        `The resource type '${type ?? ''}' or what is asked of it could not be found in the namespace '${namespace}'.`,
      )
    : new CodedError('InvalidResourceNamespace', `The resource namespace '${namespace}' is invalid.`);
}
