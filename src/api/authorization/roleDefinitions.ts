import { Type } from 'typebox';
import { UUID_NAME } from '../../arm/name.ts';
import { noContent, ok } from '../../arm/respond.ts';
import type { RoleDefinition } from '../../arm/roleDefinition.ts';
import { defineRoutes, type Route, type RouteTable, route } from '../../arm/route.ts';
import { covers } from '../../arm/scope.ts';
import { pageOfRoleAssignments } from '../../db/roleAssignments.ts';
import {
  deleteRoleDefinition,
  findRoleDefinition,
  listRoleDefinitions,
  putRoleDefinition,
} from '../../db/roleDefinitions.ts';
import { CodedError } from '../../lib/error.ts';
import { IGNORED } from '../body/resourceBody.ts';
import type { Services } from '../services.ts';
import { findRole, roleToWire, ROLE_DEFINITIONS as TYPE } from './roleView.ts';
import { AUTHORIZATION_VERSIONS, GROUP_SCOPES, parseScopeFilter, SCOPES, scopeOf } from './scopes.ts';

const HERE = '/providers/Microsoft.Authorization/roleDefinitions';
const FILTERS = ['atScopeAndBelow()', 'atScope()', "roleName eq 'name'", "type eq 'BuiltInRole'"];
const QUERY = Type.Object({ $filter: Type.Optional(Type.String({ maxLength: 2048 })) });

const PATTERNS = Type.Array(
  Type.String({
    pattern: '^[A-Za-z0-9*][A-Za-z0-9.*/]{0,255}$',
    rule: "must be an action like 'Microsoft.Compute/*/read'",
  }),
  { maxItems: 500 },
);
const PERMISSION = Type.Object({
  actions: Type.Optional(PATTERNS),
  notActions: Type.Optional(PATTERNS),
  dataActions: Type.Optional(Type.Array(Type.String(), { maxItems: 0 })),
  notDataActions: Type.Optional(Type.Array(Type.String(), { maxItems: 0 })),
  condition: Type.Optional(Type.Null()),
  conditionVersion: Type.Optional(Type.Null()),
});
const BODY = Type.Object({
  properties: Type.Object({
    roleName: Type.String({ minLength: 1, maxLength: 128 }),
    type: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    description: Type.Optional(Type.Union([Type.String({ maxLength: 1024 }), Type.Null()])),
    assignableScopes: Type.Array(Type.String({ maxLength: 1024 }), { minItems: 1, maxItems: 200 }),
    permissions: Type.Array(PERMISSION, { minItems: 1, maxItems: 1 }),
    createdOn: IGNORED,
    updatedOn: IGNORED,
    createdBy: IGNORED,
    updatedBy: IGNORED,
  }),
  id: IGNORED,
  name: IGNORED,
  type: IGNORED,
});

/** What roles there are: Azure's built-in ones, and custom ones. */
export const roleDefinitions = (services: Services): RouteTable =>
  defineRoutes({
    type: TYPE,
    apiVersions: AUTHORIZATION_VERSIONS,
    names: { roleDefinitionId: UUID_NAME },
    routes: [
      ...SCOPES.flatMap((scope) => reads(services, scope)),
      ...GROUP_SCOPES.flatMap((scope) => writes(services, scope)),
    ],
  });

const reads = (services: Services, scope: string): Route[] => [
  route({
    method: 'GET',
    path: `${scope}${HERE}`,
    action: `${TYPE}/read`,
    summary: 'Lists the roles that can be given here.',
    query: QUERY,
    readsFilter: true,
    async handler(context) {
      const at = scopeOf(services, context.path);
      const { functions, values } = parseScopeFilter(context.query.$filter, FILTERS);
      const isHere = (role: RoleDefinition): boolean =>
        role.assignableScopes === undefined ||
        role.assignableScopes.some((one) => covers(one, at) || (!functions.has('atscope') && covers(at, one)));
      const roles = [...services.access.builtInRoles, ...(await listRoleDefinitions(services.db.queries))];
      const fits = roles.filter((role) => isHere(role) && hasValues(role, values));
      return context.listFrom(
        fits,
        (role) => role.id,
        (role) => roleToWire(services, role),
      );
    },
  }),
  route({
    method: 'GET',
    path: `${scope}${HERE}/{roleDefinitionId}`,
    action: `${TYPE}/read`,
    summary: 'Gets a role.',
    async handler({ params, path }) {
      scopeOf(services, path);
      return ok(roleToWire(services, await requireRole(services, params.roleDefinitionId!)));
    },
  }),
];

const writes = (services: Services, scope: string): Route[] => [
  route({
    method: 'PUT',
    path: `${scope}${HERE}/{roleDefinitionId}`,
    action: `${TYPE}/write`,
    summary: 'Creates a custom role, or replaces it.',
    body: BODY,
    answers: ['201'],
    async handler({ params, path, body, demand }) {
      scopeOf(services, path);
      const id = params.roleDefinitionId!.toLowerCase();
      assertCustom(services, id);
      const before = await findRoleDefinition(services.db.queries, id);
      const { roleName, description, assignableScopes, permissions } = body.properties;
      for (const one of assignableScopes) assertAssignable(services, one);
      // whoever widens a role that is held elsewhere gives something there
      for (const one of new Set([...assignableScopes, ...(before?.assignableScopes ?? [])]))
        await demand(`${TYPE}/write`, one);
      await assertNameFree(services, id, roleName);
      const now = services.clock.now();
      const record = {
        ...{ id, name: roleName, description: description ?? '', assignableScopes },
        ...{ actions: permissions[0]?.actions ?? [], notActions: permissions[0]?.notActions ?? [] },
        ...{ createdAt: before?.createdAt ?? now, updatedAt: now },
      };
      await putRoleDefinition(services.db.queries, record);
      return { status: 201, body: roleToWire(services, record) };
    },
  }),
  route({
    method: 'DELETE',
    path: `${scope}${HERE}/{roleDefinitionId}`,
    action: `${TYPE}/delete`,
    summary: 'Deletes a custom role that nobody holds.',
    async handler({ params, path, demand }) {
      scopeOf(services, path);
      const id = params.roleDefinitionId!.toLowerCase();
      assertCustom(services, id);
      const role = await findRoleDefinition(services.db.queries, id);
      if (role === undefined) return noContent();
      for (const one of role.assignableScopes) await demand(`${TYPE}/delete`, one);
      await services.db.transaction(async (tx) => {
        await assertUnused(tx, id);
        await deleteRoleDefinition(tx, id);
      });
      return ok(roleToWire(services, role));
    },
  }),
];

function hasValues(role: RoleDefinition, values: ReadonlyMap<string, string>): boolean {
  const name = values.get('rolename')?.toLowerCase();
  const type = values.get('type')?.toLowerCase();
  const own = role.assignableScopes === undefined ? 'builtinrole' : 'customrole';
  return (name === undefined || role.name.toLowerCase() === name) && (type === undefined || type === own);
}

async function requireRole(services: Services, id: string): Promise<RoleDefinition> {
  const role = await findRole(services, id);
  if (role) return role;
  throw new CodedError('NotFound', `The specified role definition with ID '${id}' does not exist.`);
}

function assertCustom(services: Services, id: string): void {
  if (!services.access.builtInRoles.some((role) => role.id === id)) return;
  throw new CodedError('InvalidRoleDefinition', 'A built-in role cannot be changed or deleted.', {
    recommendations: ['Create a custom role with the permissions that you need.'],
  });
}

function assertAssignable({ config }: Services, scope: string): void {
  if (covers(`/subscriptions/${config.subscriptionId}`, scope)) return;
  throw new CodedError(
    'InvalidRoleDefinition',
    `'${scope.slice(0, 256)}' is no legal assignable scope: it must be '/subscriptions/${config.subscriptionId}' or lie below it.`,
    { target: 'properties.assignableScopes' },
  );
}

async function assertNameFree(services: Services, id: string, name: string): Promise<void> {
  const roles = [...services.access.builtInRoles, ...(await listRoleDefinitions(services.db.queries))];
  if (!roles.some((role) => role.id !== id && role.name.toLowerCase() === name.toLowerCase())) return;
  throw new CodedError('RoleDefinitionWithSameNameExists', `A custom role with the name '${name}' exists already.`, {
    target: 'properties.roleName',
  });
}

async function assertUnused(tx: Services['db']['queries'], id: string): Promise<void> {
  let after: string | undefined;
  for (;;) {
    const page = await pageOfRoleAssignments(tx, {}, 1000, after);
    if (page.some((assignment) => assignment.roleDefinitionId.toLowerCase() === id)) {
      const message = 'There are existing role assignments referencing role.';
      throw new CodedError('RoleDefinitionHasAssignments', `${message} Delete them first.`);
    }
    if (page.length < 1000) return;
    after = page.at(-1)!.id;
  }
}
