import { type Action, defineRoutes, type Method, type Route, type RouteTable, route } from '../arm/route.ts';
import { CodedError } from '../lib/error.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { UNSERVED, type Unserved } from './unservedPaths.ts';

/**
 * Routes that say what is not served, and what is instead, to clients that know them from Azure: refused with
 * NotImplemented once the caller's role has been asked. A route that `served` declares gives way to it.
 */
export function unserved(served: readonly RouteTable[]): readonly RouteTable[] {
  const taken = new Set(served.flatMap((table) => table.routes).map(routeKey));
  return UNSERVED.flatMap((group) => {
    const routes = group.routes.map(([method, path]) => refusal(group, method, path));
    const free = routes.filter((one) => !taken.has(routeKey(one)));
    return free.length === 0 ? [] : [defineRoutes({ type: group.type, apiVersions: BACKUP_VERSIONS, routes: free })];
  });
}

/** The same for routes that no request can tell apart. */
export const routeKey = ({ method, path }: Pick<Route, 'method' | 'path'>): string =>
  `${method} ${path.toLowerCase().replace(/\{[^}]*\}/g, '{}')}`;

const refusal = (group: Unserved, method: Method, path: string): Route =>
  route({
    method,
    path,
    action: actionOf(method, path),
    isRefusal: true,
    summary: group.what,
    handler() {
      throw new CodedError('NotImplemented', `${group.what} What was asked for: ${method} ${lastWords(path)}.`, {
        target: lastWords(path),
        recommendations: [group.instead],
      });
    },
  });

/** Azure's way to name actions: the types of the path behind its namespace, then what is done. */
const actionOf = (method: Method, path: string): Action => {
  const segments = path.split('/providers/')[1]?.split('/').slice(0) ?? [];
  const types = segments.filter((segment) => !segment.startsWith('{'));
  const verb = { GET: 'read', HEAD: 'read', PUT: 'write', PATCH: 'write', POST: 'action', DELETE: 'delete' } as const;
  return `${types.join('/')}/${verb[method]}`;
};

const lastWords = (path: string): string =>
  path
    .split('/')
    .filter((segment) => !segment.startsWith('{'))
    .at(-1) ?? path;
