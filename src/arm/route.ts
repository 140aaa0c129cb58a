import type { Static, TSchema } from 'typebox';
import { CodedError } from '../lib/error.ts';
import type { Logger } from '../lib/log.ts';
import type { Answer } from './answer.ts';
import type { ApiVersionRange } from './apiVersion.ts';
import type { Filter, FilterProperties } from './filter.ts';
import type { NameRule } from './name.ts';
import type { Principal } from './principal.ts';
import type { ArmResult } from './respond.ts';

export type Method = 'GET' | 'HEAD' | 'PUT' | 'PATCH' | 'POST' | 'DELETE';

/** 'Microsoft.RecoveryServices/vaults/read': what a role must grant. */
export type Action = `${string}/${'read' | 'write' | 'delete' | 'action'}`;

/** One page of a list, as the caller asked for it. */
export interface PageRequest {
  /** How many to answer at most, 1–200. */
  readonly size: number;
  /** Where the page before ended: what its handler gave to `list`; absent on the first page. */
  readonly cursor?: string;
}

export interface ArmContext<Params = Record<string, string>, Body = unknown, Query = unknown> {
  readonly principal: Principal;
  /** Decoded once and checked against their name rules; display case kept. */
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly filter: Filter | undefined;
  readonly page: PageRequest;
  readonly apiVersion: string;
  /** Ms since epoch. */
  readonly requestedAt: number;
  /** From the configuration, without a trailing slash. */
  readonly baseUrl: string;
  /** The path as declared, parameters filled in: doubled slashes and case differences of the caller are gone. */
  readonly path: string;
  readonly correlationId: string;
  readonly log: Logger;
  /** Aborts when the caller goes away or the time is up. */
  readonly signal: AbortSignal;
  /** A request header by lower-case name. */
  header(name: string): string | undefined;
  /** Whether the caller may do something elsewhere: for ids named in bodies, and for lists of the permitted. */
  can(action: Action, scope: string): Promise<boolean>;
  /** Whether the caller holds any role at `scope`, above it or below it: enough to know that it exists. */
  knows(scope: string): Promise<boolean>;
  /** Errors: ScopeLocked, when a lock forbids a route's work at `path`: for what is done elsewhere than at the request's own path. */
  assertUnlocked(route: Pick<Route, 'method' | 'action'>, path: string): Promise<void>;
  /** As `can`; throws AuthorizationFailed. */
  demand(action: Action, scope: string): Promise<void>;
  /** Carries out, between two entries of the audit trail, what this request does at `path` by another route. */
  audited(route: Pick<Route, 'method' | 'action'>, path: string, work: () => Promise<ArmResult>): Promise<ArmResult>;
  /** `path` under the base URL, with the request's api-version. */
  absoluteUrl(path: string): string;
  /** `{value, nextLink?}`; `nextCursor` comes back as `page.cursor` of the next request. */
  list(value: readonly unknown[], nextCursor?: string): ArmResult;
  /** Cuts the requested page out of a list that is in memory; `keyOf` names an item uniquely, order is the list's. */
  listFrom<T>(items: readonly T[], keyOf: (item: T) => string, show: (item: T) => unknown): ArmResult;
}

/** `{name}` segments of a declared path. */
export type ParamsOf<Path extends string> = string extends Path
  ? Record<string, string>
  : { readonly [Name in ParamNames<Path>]: string };
type ParamNames<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParamNames<Rest>
  : never;

type Typed<Schema> = Schema extends TSchema ? Static<Schema> : undefined;

export interface RouteSpec<Path extends string, Body extends TSchema | undefined, Query extends TSchema | undefined> {
  readonly method: Method;
  /** '/subscriptions/{subscriptionId}/…' in ARM's own spelling. */
  readonly path: Path;
  /** Asked of the caller's roles at the scope of the path. */
  readonly action: Action;
  /**
   * 'scope' (default): the action is demanded before the handler runs. 'authenticated': any caller with a token
   * comes in, and the handler shows only what `can` allows.
   */
  readonly access?: 'scope' | 'authenticated';
  /** One line for people: 'Lists the vaults of a subscription.' */
  readonly summary: string;
  /** Absent: a body is ignored. A route that goes without one may allow `Type.Undefined()`. */
  readonly body?: Body;
  /** The body may have comments and names without quotation marks, as `az` sends templates. */
  readonly relaxedBody?: true;
  /** Schema of the declared query parameters, all strings; api-version, $filter, $top and $skipToken are built in. */
  readonly query?: Query;
  /** Makes the route a list that understands `$filter` over these properties. */
  readonly filter?: FilterProperties;
  /** It reads $filter itself, as text, from a query parameter of that name: for functions like `atScope()`. */
  readonly readsFilter?: true;
  /**
   * Every way in which it succeeds; absent: 200, of HEAD 204, of DELETE 200 and 204. Tests hold the server to it:
   * a route that answers 201, 202 or sends clients to poll declares so here, and docs/arm-surface.md shows it.
   */
  readonly answers?: readonly Answer[];
  /** It only says that this is not served, and what is: always an error. */
  readonly isRefusal?: true;
  /** Instead of the table's. */
  readonly apiVersions?: ApiVersionRange;
  handler(context: ArmContext<ParamsOf<Path>, Typed<Body>, Typed<Query>>): Promise<ArmResult> | ArmResult;
}

/** A route whose own types are forgotten, so that routes of all shapes stand in one table. */
export interface Route extends Omit<RouteSpec<string, TSchema, TSchema>, 'handler' | 'body' | 'query'> {
  readonly body?: TSchema | undefined;
  readonly query?: TSchema | undefined;
  handler(context: ArmContext): Promise<ArmResult> | ArmResult;
}

/** All routes of one ARM type. */
export interface RouteTable {
  /** 'Microsoft.RecoveryServices/vaults'. */
  readonly type: string;
  readonly apiVersions: ApiVersionRange;
  /** Rules of the path's parameters; subscriptionId, resourceGroupName and a cautious default are built in. */
  readonly names?: Readonly<Record<string, NameRule>>;
  readonly routes: readonly Route[];
}

/** Declares one route; parameters, body and query of its handler are typed from path and schemas. */
export function route<
  const Path extends string,
  Body extends TSchema | undefined = undefined,
  Query extends TSchema | undefined = undefined,
>(spec: RouteSpec<Path, Body, Query>): Route {
  // The server validates parameters, body and query by this very spec before it calls the handler.
  return spec as unknown as Route;
}

/** Declares a type's routes. Errors: InternalServerError when a declaration contradicts itself. */
export function defineRoutes(table: RouteTable): RouteTable {
  const seen = new Set<string>();
  for (const declared of table.routes) {
    const key = `${declared.method} ${declared.path.toLowerCase().replace(/\{[^}]*\}/g, '{}')}`;
    if (seen.has(key)) throw new CodedError('InternalServerError', `${table.type}: ${key} is declared twice.`);
    if (!/^(\/([A-Za-z0-9.$_-]+|\{[A-Za-z]+\}))+$/.test(declared.path)) {
      throw new CodedError('InternalServerError', `${table.type}: '${declared.path}' is not a legal route path.`);
    }
    seen.add(key);
  }
  return table;
}
