import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import { ok } from '../../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../../arm/route.ts';
import { createArmServer } from '../../arm/server.ts';
import type { Database } from '../../db/database.ts';
import { openDatabase } from '../../db/openDatabase.ts';
import type { Clock } from '../../lib/clock.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/log.ts';
import { databasePrincipals } from '../databaseStores.ts';
import { openDevCa, type ServerIdentity } from '../devCa.ts';
import { issuerOf, tokenIssuer } from '../issuer.ts';
import { type KeyRing, openKeyRing } from '../keyRing.ts';
import { metadataEndpoints } from '../metadata.ts';
import type { PrincipalStore } from '../principalStore.ts';
import { createAuthorizer } from '../rbac.ts';
import { MemoryRoleAssignments } from '../roleAssignment.ts';
import { BUILT_IN_ROLES } from '../roleDefinitions.ts';
import { createServicePrincipal, type NewPrincipal } from '../servicePrincipals.ts';
import { armAudiences, createVerifier } from '../verifier.ts';

export const TENANT = '99999999-8888-7777-6666-555555555555';
export const SUBSCRIPTION = '11111111-2222-3333-4444-555555555555';
export const GROUP_PATH = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg1`;

/** A whole server on a loopback port: TLS, token issuer, verifier, roles, and one small provider. */
export interface House extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly baseUrl: string;
  readonly port: number;
  readonly tls: ServerIdentity;
  readonly keys: KeyRing;
  /** Owner of the subscription. */
  readonly owner: NewPrincipal;
  /** Without any role. */
  readonly stranger: NewPrincipal;
  readonly principals: PrincipalStore;
  readonly db: Database;
  /** How often a handler behind the gate has run. */
  entered(): number;
  /** An access token signed by the house's key; claims and header may be bent. */
  token(claims?: object, typ?: string): Promise<string>;
}

export async function openHouse(clock: Clock = systemClock, more: readonly RouteTable[] = []): Promise<House> {
  const folder = await mkdtemp(join(tmpdir(), 'house-'));
  const [tls, keys] = await Promise.all([openDevCa({ folder, clock }), openKeyRing({ folder, clock })]);
  const db = await openDatabase({ path: ':memory:' });
  const principals = databasePrincipals(db, clock);
  const owner = await createServicePrincipal(principals, clock, { tenantId: TENANT, displayName: 'owner' });
  const stranger = await createServicePrincipal(principals, clock, { tenantId: TENANT, displayName: 'stranger' });
  const scope = `/subscriptions/${SUBSCRIPTION}`;
  const assignments = new MemoryRoleAssignments([
    { id: 'a1', principalId: owner.principal.objectId, roleId: BUILT_IN_ROLES.owner.id, scope },
  ]);
  const port = await freePort();
  const baseUrl = `https://localhost:${port}`;
  const audiences = armAudiences(baseUrl, true);
  const issuer = issuerOf(baseUrl, TENANT);
  let entered = 0;
  const app = await createArmServer({
    tls: tls.tls,
    baseUrl,
    providers: [groups(() => (entered += 1)), ...more],
    publicPlugins: [
      metadataEndpoints({ baseUrl, tenantId: TENANT }),
      tokenIssuer({ baseUrl, tenantId: TENANT, keys, principals, db, audiences, clock, log: silentLogger }),
    ],
    authenticate: createVerifier({
      issuers: [{ issuer, keys: keys.verificationKey, audiences, tokenType: 'at+jwt' }],
      clock,
    }),
    ...createAuthorizer({ assignments }),
    authorizationUri: `${baseUrl}/${TENANT}`,
    log: silentLogger,
    clock,
  });
  await app.listen({ host: '127.0.0.1', port });
  return {
    app,
    baseUrl,
    port,
    tls,
    keys,
    owner,
    stranger,
    principals,
    db,
    entered: () => entered,
    token: (claims = {}, typ = 'at+jwt') => keys.sign({ ...goodClaims(owner, baseUrl, clock.now()), ...claims }, typ),
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await db[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

function goodClaims(owner: NewPrincipal, baseUrl: string, nowMs: number) {
  const now = Math.floor(nowMs / 1000);
  const { objectId, appId } = owner.principal;
  const who = { sub: objectId, oid: objectId, tid: TENANT, appid: appId };
  return { iss: issuerOf(baseUrl, TENANT), aud: baseUrl, ...who, iat: now, nbf: now, exp: now + 600 };
}

const groups = (enter: () => void) =>
  defineRoutes({
    type: 'Microsoft.Resources/resourceGroups',
    apiVersions: { from: '2019-01-01', to: '2026-01-01' },
    routes: [
      route({
        method: 'GET',
        path: '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}',
        action: 'Microsoft.Resources/subscriptions/resourceGroups/read',
        summary: 'Gets a group.',
        handler: ({ params, principal }) => {
          enter();
          return ok({ name: params.resourceGroupName, caller: principal.objectId });
        },
      }),
      route({
        method: 'PUT',
        path: '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}',
        action: 'Microsoft.Resources/subscriptions/resourceGroups/write',
        summary: 'Makes a group.',
        body: Type.Object({ location: Type.String(), tags: Type.Optional(Type.Record(Type.String(), Type.String())) }),
        handler: ({ params, body }) => {
          enter();
          return ok({ name: params.resourceGroupName, location: body.location, tags: body.tags });
        },
      }),
    ],
  });

/** The base URL must be known before the server listens. */
async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
