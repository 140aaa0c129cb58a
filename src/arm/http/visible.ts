import type { Authorize, Principal } from '../principal.ts';
import type { ArmResult } from '../respond.ts';
import type { Route } from '../route.ts';
import { notAuthorized } from './demand.ts';

const COLLECTION =
  /^\/subscriptions\/\{\w+\}(\/resourceGroups\/\{\w+\})?(\/providers\/[^/{}]+\/[^/{}]+|\/resources|\/resourceGroups)$/i;

interface Listed {
  readonly id?: unknown;
  readonly type?: unknown;
}

/** A list of groups or of whole resources of a subscription or group: its parts can be given to a caller one by one. */
export const isCollection = (route: Pick<Route, 'method' | 'path'>): boolean =>
  route.method === 'GET' && COLLECTION.test(route.path);

/** The subscription or group whose list it is. */
export const scopeOfCollection = (path: string): string =>
  path.replace(/(\/providers\/[^/]+\/[^/]+|\/resources|\/resourceGroups)$/i, '');

/**
 * Leaves of a list what the caller may read. A page may end up empty and still have a next one.
 * Errors: AuthorizationFailed when it is no list: then there are no parts to show.
 */
export async function onlyVisible(
  result: ArmResult,
  authorize: Authorize,
  who: Principal,
  route: Route,
  path: string,
): Promise<ArmResult> {
  const body = result.body as { readonly value?: readonly Listed[] } | undefined;
  if (!Array.isArray(body?.value)) throw notAuthorized(who, route.action, path);
  const value: Listed[] = [];
  for (const item of body.value as readonly Listed[]) {
    if (typeof item.id === 'string' && (await authorize(who, readAction(route, item), item.id))) value.push(item);
  }
  return { ...result, body: { ...body, value } };
}

/** In a list of all types, each is read by its own action. */
const readAction = (route: Route, item: Listed): string =>
  /\/resources$/i.test(route.path) && typeof item.type === 'string' ? `${item.type}/read` : route.action;
