import type { FastifyRequest } from 'fastify';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import type { AuditTrail } from '../auditTrail.ts';
import type { Authorize, HoldsRole, LockedBy } from '../principal.ts';
import { type ArmResult, ok } from '../respond.ts';
import type { ArmContext, Route } from '../route.ts';
import type { SkipTokenScope, SkipTokens } from '../skipToken.ts';
import type { Admission } from './admit.ts';
import { auditedWork } from './audited.ts';
import { correlationIdOf } from './correlation.ts';
import { demand } from './demand.ts';
import { assertUnlocked } from './locks.ts';

export interface ContextParts {
  readonly baseUrl: string;
  readonly authorize: Authorize;
  readonly holdsRole: HoldsRole;
  readonly lockedBy: LockedBy;
  readonly skipTokens: SkipTokens;
  readonly audit?: AuditTrail;
  readonly log: Logger;
  readonly clock: Clock;
  readonly onAnswer?: (route: Route, result: ArmResult) => void;
}

/** Errors: InvalidSkipToken. */
export function contextOf(
  request: FastifyRequest,
  admission: Admission,
  declaredQuery: Readonly<Record<string, string>>,
  parts: ContextParts,
  signal: AbortSignal,
): ArmContext {
  const { principal, path, apiVersion, pageSize, query, filter } = admission;
  const scope: SkipTokenScope = { principalId: principal.objectId, path, filter: filter?.text ?? '' };
  const correlationId = correlationIdOf(request);
  const skipToken = query.get('$skiptoken');
  const cursor = skipToken === undefined ? undefined : parts.skipTokens.open(skipToken, scope);
  const absoluteUrl = (target: string): string => `${parts.baseUrl}${encodeURI(target)}?api-version=${apiVersion}`;
  const list = (value: readonly unknown[], nextCursor?: string): ArmResult =>
    nextCursor === undefined ? ok({ value }) : ok({ value, nextLink: nextLink(nextCursor) });
  const nextLink = (nextCursor: string): string => {
    const kept = [...query].filter(([name]) => name !== 'api-version' && name !== '$skiptoken');
    const rest = [...kept, ['$skipToken', parts.skipTokens.seal(nextCursor, scope)] as const];
    return absoluteUrl(path) + rest.map(([name, value]) => `&${name}=${encodeURIComponent(value)}`).join('');
  };
  return {
    principal,
    params: admission.params,
    query: declaredQuery,
    body: request.body,
    filter,
    page: cursor === undefined ? { size: pageSize } : { size: pageSize, cursor },
    apiVersion,
    requestedAt: parts.clock.now(),
    baseUrl: parts.baseUrl,
    path,
    correlationId,
    log: parts.log.child({ correlationId }),
    signal,
    header: (name) => {
      const value = request.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    can: (action, at) => parts.authorize(principal, action, at),
    knows: (at) => parts.holdsRole(principal, at, 'around'),
    assertUnlocked: (route, at) => assertUnlocked(parts.lockedBy, route, at),
    demand: (action, at) => demand(parts.authorize, principal, action, at),
    audited: ({ method, action }, at, work) =>
      auditedWork(parts.audit, { correlationId, principal, action, path: at, method, address: request.ip }, work),
    absoluteUrl,
    list,
    listFrom: (items, keyOf, show) => {
      const page = cut(items, keyOf, pageSize, cursor);
      return list(page.items.map(show), page.next);
    },
  };
}

/** The cursor is the place and the key of the last item shown; the key wins where the list has moved under it. */
function cut<T>(items: readonly T[], keyOf: (item: T) => string, size: number, cursor: string | undefined) {
  const [, place = '0', lastKey] = cursor === undefined ? [] : (/^(\d+):(.*)$/s.exec(cursor) ?? []);
  const found = lastKey === undefined ? -1 : items.findIndex((item) => keyOf(item) === lastKey);
  const from = found >= 0 ? found + 1 : Number(place);
  const page = items.slice(from, from + size);
  const last = page.at(-1);
  const next = last !== undefined && from + size < items.length ? `${from + size}:${keyOf(last)}` : undefined;
  return { items: page, next };
}
