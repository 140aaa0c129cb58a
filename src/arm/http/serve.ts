import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { TSchema } from 'typebox';
import type { ArmResult } from '../respond.ts';
import type { Route, RouteTable } from '../route.ts';
import { type Admission, admit, type Gate, type Known } from './admit.ts';
import { audited, auditRefusal } from './audited.ts';
import { type ContextParts, contextOf } from './context.ts';
import { type Check, compileCheck } from './schemaCheck.ts';
import { onlyVisible } from './visible.ts';

/** Puts one declared route on the server: admission before the body is read, then body, query and handler. */
export function serve(app: FastifyInstance, table: RouteTable, route: Route, gate: Gate, parts: ContextParts): void {
  const admissions = new WeakMap<FastifyRequest, Admission>();
  const checkBody = route.body === undefined ? undefined : compileCheck(route.body, 'InvalidRequestContent');
  const checkQuery = route.query === undefined ? undefined : compileCheck(route.query, 'InvalidParameter');
  app.route({
    method: route.method,
    url: fastifyPath(route.path),
    config: { relaxedBody: route.relaxedBody === true },
    onRequest: async (request, reply) => {
      const known: Known = {};
      try {
        admissions.set(request, await admit(request, reply, table, route, gate, known));
      } catch (error) {
        await auditRefusal(gate.audit, request, route, known, error);
        throw error;
      }
    },
    handler: async (request, reply) => {
      const admission = admissions.get(request);
      if (admission === undefined) throw new Error(`${route.method} ${route.path} was reached without admission`);
      const result = await audited(gate.audit, request, route, admission, async () => {
        checkBody?.(request.body);
        if (checkBody === undefined) request.body = undefined;
        const query = declaredQuery(route.query, admission, checkQuery);
        return route.handler(contextOf(request, admission, query, parts, untilAnswered(reply)));
      });
      parts.onAnswer?.(route, result);
      if (admission.sees === 'all') return send(reply, result);
      return send(reply, await onlyVisible(result, gate.authorize, admission.principal, route, admission.path));
    },
  });
}

/** Aborts when the answer is over: sent, too late, or nobody there to take it. Fastify's own aborts once a body is read. */
function untilAnswered(reply: FastifyReply): AbortSignal {
  const over = new AbortController();
  reply.raw.once('close', () => over.abort(new Error('the answer is over')));
  return over.signal;
}

/** '/subscriptions/{subscriptionId}' → '/subscriptions/:subscriptionId'. */
export const fastifyPath = (path: string): string => path.replace(/\{([A-Za-z]+)\}/g, ':$1');

function send(reply: FastifyReply, result: ArmResult): FastifyReply {
  reply.code(result.status).headers({ ...result.headers });
  if (result.body === undefined) return reply.send();
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(result.body));
}

function declaredQuery(
  schema: TSchema | undefined,
  admission: Admission,
  check: Check | undefined,
): Readonly<Record<string, string>> {
  const declared: Record<string, string> = {};
  for (const name of Object.keys((schema as { properties?: object } | undefined)?.properties ?? {})) {
    const value = admission.query.get(name.toLowerCase());
    if (value !== undefined) declared[name] = value;
  }
  check?.(declared);
  return declared;
}
