import { CodedError } from '../lib/error.ts';
import { checkApiVersion } from './apiVersion.ts';
import { type Check, compileCheck } from './http/schemaCheck.ts';
import { checkName } from './name.ts';
import { type ArmResult, ok } from './respond.ts';
import type { ArmContext, Method, Route, RouteTable } from './route.ts';

/** A request that the server makes of itself, for the caller of another: a deployment, the deletion of a group. */
export interface InnerRequest {
  readonly method: Method;
  /** Without a query. */
  readonly path: string;
  readonly apiVersion: string;
  readonly body?: unknown;
  /** As the caller's own (default), or as the server's, where the outer request was the permission. */
  readonly asServer?: boolean;
}

/** What of the outer request goes on: who asks, his permissions, the URLs that answers are made of. */
export type OuterContext = Omit<ArmContext, Own>;
type Own =
  | 'params'
  | 'path'
  | 'query'
  | 'body'
  | 'filter'
  | 'page'
  | 'apiVersion'
  | 'absoluteUrl'
  | 'list'
  | 'listFrom';

/** Which route serves a request, if any does. */
export interface InnerCaller {
  /** Errors: those of the route, as if a client had sent it: AuthorizationFailed, ScopeLocked, InvalidRequestContent … */
  call(outer: OuterContext, request: InnerRequest): Promise<ArmResult>;
  /** Errors: InvalidResourceNamespace, InvalidResourceType. */
  requireRoute(request: Pick<InnerRequest, 'method' | 'path'>): Route;
  /** As `call` would check it, before anything is done. */
  check(outer: OuterContext, request: InnerRequest): Promise<void>;
}

interface Served {
  readonly route: Route;
  readonly table: RouteTable;
  readonly pattern: RegExp;
  readonly names: readonly string[];
}

/** Serves requests of the server to itself by the same tables, checks and handlers as those of clients. */
export function innerCaller(tables: readonly RouteTable[]): InnerCaller {
  const all = tables.flatMap((table) => table.routes.map((route) => servedBy(table, route)));
  const checks = new Map<Route, Check | undefined>();
  const checkOf = (route: Route): Check | undefined => {
    if (!checks.has(route))
      checks.set(route, route.body === undefined ? undefined : compileCheck(route.body, 'InvalidRequestContent'));
    return checks.get(route);
  };
  const find = ({ method, path }: Pick<InnerRequest, 'method' | 'path'>): Served & { match: RegExpExecArray } => {
    // the more literal path wins, as it does on the server
    const fits = all.flatMap((served) => {
      const match = served.route.method === method ? served.pattern.exec(path) : null;
      return match ? [{ ...served, match }] : [];
    });
    const best = fits.sort((a, b) => a.names.length - b.names.length)[0];
    if (best) return best;
    throw notServed(path, tables);
  };
  const located = (request: InnerRequest) => {
    const { route, table, match, names } = find(request);
    const apiVersion = checkApiVersion(request.apiVersion, route.apiVersions ?? table.apiVersions, table.type);
    const params: Record<string, string> = {};
    for (const [at, name] of names.entries()) params[name] = checkName(name, match[at + 1] ?? '', table.names);
    const path = route.path.replace(/\{([A-Za-z]+)\}/g, (_, name: string) => params[name] ?? '');
    return { route, params, path, apiVersion };
  };
  const admit = async (outer: OuterContext, request: InnerRequest, { route, path }: ReturnType<typeof located>) => {
    if (request.asServer !== true && route.access !== 'authenticated') await outer.demand(route.action, path);
    await outer.assertUnlocked(route, path);
    checkOf(route)?.(request.body);
  };
  return {
    requireRoute: (request) => find(request).route,
    check: (outer, request) => admit(outer, request, located(request)),
    async call(outer, request) {
      const { route, ...place } = located(request);
      return outer.audited(route, place.path, async () => {
        await admit(outer, request, { route, ...place });
        return route.handler(innerContext(outer, request, place));
      });
    },
  };
}

function servedBy(table: RouteTable, route: Route): Served {
  const names = [...route.path.matchAll(/\{([A-Za-z]+)\}/g)].map((match) => match[1]!);
  const source = route.path
    .split(/\{[A-Za-z]+\}/)
    .map((literal) => literal.replace(/[.$]/g, '\\$&'))
    .join('([^/]+)');
  return { route, table, names, pattern: new RegExp(`^${source}$`, 'i') };
}

const innerContext = (
  outer: OuterContext,
  request: InnerRequest,
  parts: Pick<ArmContext, 'params' | 'path' | 'apiVersion'>,
): ArmContext => ({
  ...outer,
  ...parts,
  query: {},
  body: request.body,
  filter: undefined,
  page: { size: 200 },
  ...(request.asServer ? { can: async () => true, demand: async () => {} } : {}),
  absoluteUrl: (path) => `${outer.baseUrl}${encodeURI(path)}?api-version=${parts.apiVersion}`,
  list: (value) => ok({ value }),
  listFrom: (items, _keyOf, show) => ok({ value: items.map(show) }),
});

function notServed(path: string, tables: readonly RouteTable[]): CodedError {
  const [, namespace = '', type = ''] = /.*\/providers\/([^/]+)\/([^/]+)/i.exec(path) ?? [];
  const isKnown = tables.some((table) => table.type.toLowerCase().startsWith(`${namespace.toLowerCase()}/`));
  return isKnown
    ? new CodedError(
        'InvalidResourceType',
        `The resource type '${type}' could not be found in the namespace '${namespace}'.`,
      )
    : new CodedError('InvalidResourceNamespace', `The resource namespace '${namespace}' is invalid.`);
}
