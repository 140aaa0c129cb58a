import type { FastifyReply, FastifyRequest } from 'fastify';
import { CodedError } from '../../lib/error.ts';
import { checkApiVersion } from '../apiVersion.ts';
import type { AuditTrail } from '../auditTrail.ts';
import { type Filter, parseFilter } from '../filter.ts';
import { checkName } from '../name.ts';
import type { Authenticate, Authorize, HoldsRole, LockedBy, Principal } from '../principal.ts';
import type { Route, RouteTable } from '../route.ts';
import { notAuthorized } from './demand.ts';
import { assertUnlocked } from './locks.ts';
import { parseQuery, type Query } from './query.ts';
import { isCollection, scopeOfCollection } from './visible.ts';

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
  /** 'some': the caller may not read the whole list, but holds a role below; only what he may read is shown. */
  readonly sees: 'all' | 'some';
}

export interface Gate {
  readonly authenticate: Authenticate;
  readonly authorize: Authorize;
  readonly holdsRole: HoldsRole;
  readonly lockedBy: LockedBy;
  readonly audit?: AuditTrail;
  /** The ids there are. */
  readonly subscriptions?: readonly string[];
  /** Counts a request against `key` and tells the caller what is left. Throws TooManyRequests. */
  limit(request: FastifyRequest, reply: FastifyReply, key: string): Promise<void>;
}

const MAX_PAGE = 200;

/**
 * Who, then how often, then what, then whether: nobody learns about a resource before the roles have been asked.
 * Errors: those of authenticate; TooManyRequests; api-version's; InvalidResourceName; AuthorizationFailed;
 * SubscriptionNotFound; ScopeLocked; InvalidFilter; InvalidParameter.
 */
export async function admit(
  request: FastifyRequest,
  reply: FastifyReply,
  table: RouteTable,
  route: Route,
  gate: Gate,
  who: Known = {},
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
  who.principal = principal;
  who.path = path;
  const sees = await sight(gate, principal, route, path, params.subscriptionId);
  await assertUnlocked(gate.lockedBy, route, path);
  const filter = filterOf(route, query);
  return { principal, apiVersion, params, path, query, filter, pageSize: pageSizeOf(query), sees };
}

/** What was found out before a request was refused. */
export interface Known {
  principal?: Principal;
  path?: string;
}

/** Errors: AuthorizationFailed, SubscriptionNotFound. */
async function sight(
  gate: Gate,
  who: Principal,
  route: Route,
  path: string,
  subscription: string | undefined,
): Promise<'all' | 'some'> {
  if (route.access === 'authenticated' || (await gate.authorize(who, route.action, path))) return 'all';
  if (isCollection(route) && (await gate.holdsRole(who, scopeOfCollection(path)))) return 'some';
  if (subscription !== undefined && gate.subscriptions?.includes(subscription.toLowerCase()) === false)
    throw new CodedError('SubscriptionNotFound', `The subscription '${subscription}' could not be found.`, {
      target: 'subscriptionId',
    });
  throw notAuthorized(who, route.action, path);
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
  if (route.readsFilter) return undefined;
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
