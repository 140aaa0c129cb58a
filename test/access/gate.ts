import type { FastifyInstance } from 'fastify';
import { resourceProviders } from '../../src/api/resourceProviders.ts';
import { SUBSCRIPTION, TENANT, type TestServer, testServer } from '../../src/api/testing/testServer.ts';
import type { RouteTable } from '../../src/arm/route.ts';
import { createArmServer } from '../../src/arm/server.ts';
import { verifyAudit } from '../../src/db/auditChain.ts';
import { putRoleAssignment } from '../../src/db/roleAssignments.ts';
import { auditTrail } from '../../src/identity/auditTrail.ts';
import { databaseRoleAssignments } from '../../src/identity/databaseStores.ts';
import { directory } from '../../src/identity/directory.ts';
import { lockedBy } from '../../src/identity/lockedBy.ts';
import { createAuthorizer } from '../../src/identity/rbac.ts';
import { BUILT_IN_ROLES } from '../../src/identity/roleDefinitions.ts';
import { CodedError } from '../../src/lib/error.ts';
import { silentLogger } from '../../src/lib/log.ts';

export interface GateAnswer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests read any answer
  readonly body: any;
}

/** The real providers behind the real gate, roles, locks and audit trail; a token is the object id of its bearer. */
export interface GateServer extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly test: TestServer;
  readonly tables: readonly RouteTable[];
  /** Who holds Owner on the subscription. */
  readonly owner: string;
  /** A principal with a role at a scope; none without. */
  somebody(roleId?: string, scope?: string): Promise<string>;
  call(who: string, method: string, path: string, body?: unknown, apiVersion?: string): Promise<GateAnswer>;
  verify(): ReturnType<typeof verifyAudit>;
}

export const SUBSCRIPTION_PATH = `/subscriptions/${SUBSCRIPTION}`;
export { SUBSCRIPTION, TENANT };

export async function gateServer(change: (tables: readonly RouteTable[]) => readonly RouteTable[] = (t) => t) {
  const test = await testServer();
  const { db, clock } = test;
  const authorizer = createAuthorizer({ assignments: databaseRoleAssignments(db, clock) });
  const people = directory({ db, clock, tenantId: TENANT, subscriptionId: SUBSCRIPTION });
  const access = {
    builtInRoles: Object.values(BUILT_IN_ROLES),
    rolesAt: authorizer.rolesAt,
    directory: people,
  };
  const tables = change(resourceProviders({ ...test.services, access }));
  const app = await createArmServer({
    tls: { key: '', cert: '' },
    baseUrl: 'https://vault.example:8443',
    providers: tables,
    authenticate: async (header) => {
      const objectId = header?.replace('Bearer ', '') ?? '';
      if (objectId === '') throw new CodedError('AuthenticationFailed', 'no token');
      return { objectId, tenantId: TENANT, appId: objectId, name: objectId };
    },
    authorize: authorizer.authorize,
    holdsRole: authorizer.holdsRole,
    lockedBy: lockedBy(db),
    audit: auditTrail({ db, clock, log: silentLogger }),
    authorizationUri: 'https://vault.example:8443/x',
    log: silentLogger,
    clock,
    requestsPerMinute: 1e6,
  });
  let made = 0;
  const somebody = async (roleId?: string, scope = SUBSCRIPTION_PATH): Promise<string> => {
    made += 1;
    const objectId = `00000000-0000-4000-8000-${String(made).padStart(12, '0')}`;
    await people.create(objectId, { kind: 'ServicePrincipal', displayName: `somebody ${made}` });
    if (roleId !== undefined) {
      const id = objectId.replace('4000', '4001');
      await putRoleAssignment(db.queries, { id, scope, roleDefinitionId: roleId, principalId: objectId, createdAt: 0 });
    }
    return objectId;
  };
  const owner = await somebody(BUILT_IN_ROLES.owner.id);
  const server: GateServer = {
    ...{ app, test, tables, owner, somebody },
    call: async (who, method, path, body, apiVersion = '2022-04-01') => {
      const response = await app.inject({
        method: method as 'GET',
        url: `${path}${path.includes('?') ? '&' : '?'}api-version=${apiVersion}`,
        headers: {
          authorization: `Bearer ${who}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
      });
      return { status: response.statusCode, body: response.body === '' ? undefined : response.json() };
    },
    verify: () => verifyAudit(db.queries),
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await test[Symbol.asyncDispose]();
    },
  };
  return server;
}
