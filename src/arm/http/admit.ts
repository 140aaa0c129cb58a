import type { FastifyReply, FastifyRequest } from 'fastify';
import { CodedError } from '../../lib/error.ts';
import { checkApiVersion } from '../apiVersion.ts';
import { type Filter, parseFilter } from '../filter.ts';
import { checkName } from '../name.ts';
import type { Authenticate, Authorize, Principal } from '../principal.ts';
import type { Route, RouteTable } from '../route.ts';
import { parseQuery, type Query } from './query.ts';

/** What is known of a request that may come in, before its body is read. */
export interface Admission {
  readonly principal: Principal;
  readonly apiVersion: string;
  readonly params: Readonly<Record<string, string>>;
  /** The declared path, filled in. */
  readonly path: string;
  readonly query: Query;
  readonly filter: Filter | undefined;
  readonly pageSize: number;
}

export interface Gate {
  readonly authenticate: Authenticate;
  readonly authorize: Authorize;
  /** Counts a request against `key` and tells the caller what is left. Throws TooManyRequests. */
  limit(request: FastifyRequest, reply: FastifyReply, key: string): Promise<void>;
}

export const MAX_PAGE = 200;

/**
 * Who, then how often, then what, then whether: nobody learns about a resource before the roles have been asked.
 * Errors: those of authenticate; TooManyRequests; api-version's; InvalidResourceName; AuthorizationFailed;
 * InvalidFilter; InvalidParameter.
 */
export async function admit(
  request: FastifyRequest,
  reply: FastifyReply,
  table: RouteTable,
  route: Route,
  gate: Gate,
): Promise<Admission> {
  const principal = await identify(request, reply, gate);
  await gate.limit(request, reply, `principal:${principal.tenantId}/${principal.objectId}`);
  const query = parseQuery(request.raw.url?.split('?').slice(1).join('?') ?? '');
  const apiVersion = checkApiVersion(query.get('api-version'), route.apiVersions ?? table.apiVersions, table.type);
  const params: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.params as Record<string, string>)) {
    params[name] = checkName(name, value, table.names);
  }
  const path = route.path.replace(/\{([A-Za-z]+)\}/g, (_, name: string) => params[name] ?? '');
  if (route.access !== 'authenticated') await demand(gate.authorize, principal, route.action, path);
  return { principal, apiVersion, params, path, query, filter: filterOf(route, query), pageSize: pageSizeOf(query) };
}

/** Errors: AuthorizationFailed. */
export async function demand(authorize: Authorize, who: Principal, action: string, scope: string): Promise<void> {
  if (await authorize(who, action, scope)) return;
  throw new CodedError(
    'AuthorizationFailed',
    `The client '${who.appId}' with object id '${who.objectId}' does not have authorization to perform action ` +
      `'${action}' over scope '${scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
  );
}

/** Failed attempts count against the address they come from. */
async function identify(request: FastifyRequest, reply: FastifyReply, gate: Gate): Promise<Principal> {
  try {
    return await gate.authenticate(request.headers.authorization);
  } catch (error) {
    await gate.limit(request, reply, `address:${request.ip}`);
    throw error;
  }
}

function filterOf(route: Route, query: Query): Filter | undefined {
  const text = query.get('$filter');
  if (text === undefined || text.trim() === '') return undefined;
  if (route.filter !== undefined) return parseFilter(text, route.filter);
  if (route.method !== 'GET') return undefined;
  throw new CodedError('InvalidFilter', 'This resource does not support $filter.', { target: '$filter' });
}

function pageSizeOf(query: Query): number {
  const text = query.get('$top');
  if (text === undefined) return MAX_PAGE;
  const top = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (top < 1 || top > 1000) {
    throw new CodedError('InvalidParameter', `$top must be a whole number from 1 to 1000.`, { target: '$top' });
  }
  return Math.min(top, MAX_PAGE);
}
