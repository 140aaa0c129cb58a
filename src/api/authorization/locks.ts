import { Type } from 'typebox';
import { noContent, ok } from '../../arm/respond.ts';
import { defineRoutes, type Route, type RouteTable, route } from '../../arm/route.ts';
import { covers } from '../../arm/scope.ts';
import { deleteLock, findLock, type LockRecord, locksAt, locksBelow, putLock } from '../../db/locks.ts';
import { CodedError } from '../../lib/error.ts';
import { IGNORED } from '../body/resourceBody.ts';
import type { Services } from '../services.ts';
import { AUTHORIZATION_VERSIONS, parseScopeFilter, SCOPES, scopeOf } from './scopes.ts';

const TYPE = 'Microsoft.Authorization/locks';
const HERE = `/providers/${TYPE}`;
const QUERY = Type.Object({ $filter: Type.Optional(Type.String({ maxLength: 2048 })) });
const LOCK_NAME = {
  pattern: /^[A-Za-z0-9_.()-]{1,90}$/,
  rule: "1 to 90 letters, digits, '_', '-', '.' or parentheses",
};

const BODY = Type.Object({
  properties: Type.Object({
    level: Type.Enum(['CanNotDelete', 'ReadOnly']),
    notes: Type.Optional(Type.Union([Type.String({ maxLength: 512 }), Type.Null()])),
    owners: Type.Optional(
      Type.Union([
        Type.Array(Type.Object({ applicationId: Type.String({ maxLength: 64 }) }), { maxItems: 50 }),
        Type.Null(),
      ]),
    ),
  }),
  id: IGNORED,
  name: IGNORED,
  type: IGNORED,
});

/** Locks against deletion and change; the gate of the server holds to them. */
export const locks = (services: Services): RouteTable =>
  defineRoutes({
    type: TYPE,
    apiVersions: AUTHORIZATION_VERSIONS,
    names: { lockName: LOCK_NAME },
    routes: SCOPES.flatMap((scope) => [...reads(services, scope), ...writes(services, scope)]),
  });

const reads = (services: Services, scope: string): Route[] => [
  route({
    method: 'GET',
    path: `${scope}${HERE}`,
    action: `${TYPE}/read`,
    summary: 'Lists the locks here and below.',
    query: QUERY,
    readsFilter: true,
    async handler(context) {
      const at = scopeOf(services, context.path);
      const { functions } = parseScopeFilter(context.query.$filter, ['atScope()']);
      const { queries } = services.db;
      const around = await locksAt(queries, at);
      // asked for this scope alone: with those that come down to it; else with those below
      const found = functions.has('atscope')
        ? around
        : [...around.filter((lock) => covers(at, lock.scope)), ...(await locksBelow(queries, at))];
      return context.listFrom(found, (lock) => lock.id.toLowerCase(), toWire);
    },
  }),
  route({
    method: 'GET',
    path: `${scope}${HERE}/{lockName}`,
    action: `${TYPE}/read`,
    summary: 'Gets a lock.',
    async handler({ params, path }) {
      scopeOf(services, path);
      const found = await findLock(services.db.queries, path);
      if (found) return ok(toWire(found));
      throw new CodedError('LockNotFound', `The lock '${params.lockName}' could not be found.`);
    },
  }),
];

const writes = (services: Services, scope: string): Route[] => [
  route({
    method: 'PUT',
    path: `${scope}${HERE}/{lockName}`,
    action: `${TYPE}/write`,
    summary: 'Sets a lock, or replaces it.',
    body: BODY,
    answers: ['200', '201'],
    async handler({ params, path, body }) {
      const at = scopeOf(services, path);
      const before = await findLock(services.db.queries, path);
      const { level, notes, owners } = body.properties;
      const lock: LockRecord = {
        ...{ id: before?.id ?? path, scope: at, name: before?.name ?? params.lockName!, level },
        ...{ createdAt: before?.createdAt ?? services.clock.now() },
        ...(notes ? { notes } : {}),
        ...(owners ? { owners } : {}),
      };
      await putLock(services.db.queries, lock);
      return { status: before ? 200 : 201, body: toWire(lock) };
    },
  }),
  route({
    method: 'DELETE',
    path: `${scope}${HERE}/{lockName}`,
    action: `${TYPE}/delete`,
    summary: 'Takes a lock off.',
    async handler({ path }) {
      scopeOf(services, path);
      return (await deleteLock(services.db.queries, path)) ? { status: 200 } : noContent();
    },
  }),
];

const toWire = (lock: LockRecord) => ({
  id: lock.id,
  name: lock.name,
  type: TYPE,
  properties: {
    level: lock.level,
    ...(lock.notes === undefined ? {} : { notes: lock.notes }),
    ...(lock.owners === undefined ? {} : { owners: lock.owners }),
  },
});
