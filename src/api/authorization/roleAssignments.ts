import { Type } from 'typebox';
import { UUID_NAME } from '../../arm/name.ts';
import { noContent, ok } from '../../arm/respond.ts';
import { defineRoutes, type Route, type RouteTable, route } from '../../arm/route.ts';
import { covers } from '../../arm/scope.ts';
import { OWNER_ROLE_ID, usableOwners } from '../../db/owners.ts';
import { cutPage } from '../../db/page.ts';
import {
  deleteRoleAssignment,
  findRoleAssignment,
  pageOfRoleAssignments,
  putRoleAssignment,
  type RoleAssignmentQuery,
  type RoleAssignmentRecord,
} from '../../db/roleAssignments.ts';
import { isoTime } from '../../lib/clock.ts';
import { CodedError } from '../../lib/error.ts';
import { IGNORED } from '../body/resourceBody.ts';
import type { Services } from '../services.ts';
import type { RoleAssignmentResource } from '../wire/role.ts';
import { findRole, roleDefinitionId } from './roleView.ts';
import { AUTHORIZATION_VERSIONS, parseScopeFilter, SCOPES, scopeOf } from './scopes.ts';

const TYPE = 'Microsoft.Authorization/roleAssignments';
const HERE = `/providers/${TYPE}`;
const FILTERS = ['atScope()', "assignedTo('id')", "principalId eq 'id'"];
const QUERY = Type.Object({ $filter: Type.Optional(Type.String({ maxLength: 2048 })) });
const UUID = '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$';
const PRINCIPAL_TYPES = ['User', 'ServicePrincipal', 'Group', 'ForeignGroup', 'Device'];

const OPTIONAL_TEXT = Type.Optional(Type.Union([Type.String({ maxLength: 1024 }), Type.Null()]));
const BODY = Type.Object({
  properties: Type.Object({
    roleDefinitionId: Type.String({ minLength: 36, maxLength: 1024 }),
    principalId: Type.String({ pattern: UUID, rule: 'must be the object id of a principal, a UUID' }),
    principalType: Type.Optional(Type.Union([Type.Enum(PRINCIPAL_TYPES), Type.Null()])),
    description: OPTIONAL_TEXT,
    condition: Type.Optional(Type.Null()),
    conditionVersion: OPTIONAL_TEXT,
    delegatedManagedIdentityResourceId: OPTIONAL_TEXT,
    canDelegate: IGNORED,
    scope: IGNORED,
    createdOn: IGNORED,
    updatedOn: IGNORED,
    createdBy: IGNORED,
    updatedBy: IGNORED,
  }),
  id: IGNORED,
  name: IGNORED,
  type: IGNORED,
});

/**
 * Who holds which role where. Nobody gives a role beyond the scope at which he may: the scope is the path, and the
 * gate asks for `roleAssignments/write` there.
 */
export const roleAssignments = (services: Services): RouteTable =>
  defineRoutes({
    type: TYPE,
    apiVersions: AUTHORIZATION_VERSIONS,
    names: { roleAssignmentName: UUID_NAME },
    routes: SCOPES.flatMap((scope) => [...reads(services, scope), ...writes(services, scope)]),
  });

const reads = (services: Services, scope: string): Route[] => [
  route({
    method: 'GET',
    path: `${scope}${HERE}`,
    action: `${TYPE}/read`,
    summary: 'Lists the role assignments here, above and below.',
    query: QUERY,
    readsFilter: true,
    async handler(context) {
      const at = scopeOf(services, context.path);
      const { size, cursor } = context.page;
      const found = await pageOfRoleAssignments(
        services.db.queries,
        queryOf(at, context.query.$filter),
        size + 1,
        cursor,
      );
      const { values, next } = cutPage(found, size, ({ id }) => id);
      return context.list(
        values.map((one) => toWire(services, one)),
        next,
      );
    },
  }),
  route({
    method: 'GET',
    path: `${scope}${HERE}/{roleAssignmentName}`,
    action: `${TYPE}/read`,
    summary: 'Gets a role assignment.',
    async handler({ params, path }) {
      const at = scopeOf(services, path);
      const found = await findAt(services, at, params.roleAssignmentName!);
      if (found) return ok(toWire(services, found));
      throw new CodedError(
        'RoleAssignmentNotFound',
        `The role assignment '${params.roleAssignmentName}' is not found at '${at}'.`,
      );
    },
  }),
];

const writes = (services: Services, scope: string): Route[] => [
  route({
    method: 'PUT',
    path: `${scope}${HERE}/{roleAssignmentName}`,
    action: `${TYPE}/write`,
    summary: 'Gives a role to a principal here and below.',
    body: BODY,
    answers: ['201'],
    async handler({ params, path, body, principal }) {
      const at = scopeOf(services, path);
      const { description, roleDefinitionId: role } = body.properties;
      const roleId = await requireAssignable(services, role, at);
      const principalId = body.properties.principalId.toLowerCase();
      const principalType = await typeOf(services, principalId, body.properties.principalType ?? undefined);
      const record: RoleAssignmentRecord = {
        ...{ id: params.roleAssignmentName!.toLowerCase(), scope: at, roleDefinitionId: roleId },
        ...{ principalId, principalType, createdAt: services.clock.now(), createdBy: principal.objectId },
        ...(description ? { description } : {}),
      };
      return { status: 201, body: toWire(services, await give(services, record)) };
    },
  }),
  route({
    method: 'DELETE',
    path: `${scope}${HERE}/{roleAssignmentName}`,
    action: `${TYPE}/delete`,
    summary: 'Takes a role from a principal.',
    async handler({ params, path }) {
      const at = scopeOf(services, path);
      const found = await findAt(services, at, params.roleAssignmentName!);
      if (found === undefined) return noContent();
      await services.db.transaction(async (tx) => {
        const owners = await usableOwners(tx, services.config.subscriptionId);
        if (found.roleDefinitionId === OWNER_ROLE_ID && owners.length === 1 && owners[0]!.id === found.id) {
          throw new CodedError('Conflict', 'Cannot delete the last RBAC admin assignment.', {
            recommendations: ['Give the role Owner to another principal of this server first.'],
          });
        }
        await deleteRoleAssignment(tx, found.id);
      });
      return ok(toWire(services, found));
    },
  }),
];

/** Errors: InvalidFilter. */
function queryOf(at: string, filter: string | undefined): RoleAssignmentQuery {
  const { functions, values } = parseScopeFilter(filter, FILTERS);
  const principalId = (values.get('principalid') ?? values.get('assignedto'))?.toLowerCase();
  const where = functions.has('atscope') ? { atOrAbove: at } : { around: at };
  return principalId === undefined ? where : { ...where, principalId };
}

async function findAt(services: Services, at: string, name: string): Promise<RoleAssignmentRecord | undefined> {
  const found = await findRoleAssignment(services.db.queries, name);
  return found && covers(found.scope, at) && covers(at, found.scope) ? found : undefined;
}

/** The role's UUID. Errors: RoleDefinitionDoesNotExist. */
async function requireAssignable(services: Services, id: string, at: string): Promise<string> {
  const role = await findRole(services, id);
  const isHere = role?.assignableScopes?.some((scope) => covers(scope, at)) ?? true;
  if (role && isHere) return role.id;
  throw new CodedError(
    'RoleDefinitionDoesNotExist',
    `The specified role definition with ID '${id.slice(0, 256)}' does not exist.`,
    {
      target: 'properties.roleDefinitionId',
      ...(role && { recommendations: [`It can be given at: ${role.assignableScopes?.join(', ')}.`] }),
    },
  );
}

/** A principal that is not of this server may come from an outside issuer: who says its type knows it. */
async function typeOf(services: Services, principalId: string, given: string | undefined): Promise<string> {
  const known = await services.access.directory.find(principalId);
  if (known !== undefined) return known.kind;
  if (given === 'User' || given === 'ServicePrincipal') return given;
  if (given !== undefined) {
    const message = `Roles cannot be given to principals of the type '${given}' here: legal are 'User' and 'ServicePrincipal'.`;
    throw new CodedError('PrincipalTypeNotSupported', message, { target: 'properties.principalType' });
  }
  throw new CodedError(
    'PrincipalNotFound',
    `Principal ${principalId} does not exist in the directory ${services.config.tenantId}.`,
    {
      target: 'properties.principalId',
      recommendations: ['For a principal of an outside issuer, send its principalType too.'],
    },
  );
}

/** Errors: RoleAssignmentUpdateNotPermitted, RoleAssignmentExists. */
const give = ({ db }: Services, record: RoleAssignmentRecord): Promise<RoleAssignmentRecord> =>
  db.transaction(async (tx) => {
    const isSame = (other: RoleAssignmentRecord): boolean =>
      other.principalId === record.principalId &&
      other.roleDefinitionId === record.roleDefinitionId &&
      other.scope.toLowerCase() === record.scope.toLowerCase();
    const before = await findRoleAssignment(tx, record.id);
    if (before !== undefined && !isSame(before)) {
      const message = 'Tenant ID, application ID, principal ID, and scope are not allowed to be updated.';
      throw new CodedError('RoleAssignmentUpdateNotPermitted', message);
    }
    const held = await pageOfRoleAssignments(tx, { principalId: record.principalId, at: record.scope }, 1000);
    const other = held.find((one) => one.id !== record.id && isSame(one));
    if (other !== undefined) {
      const message = `The role assignment already exists. The ID of the existing role assignment is ${other.id}.`;
      throw new CodedError('RoleAssignmentExists', message);
    }
    const kept = before === undefined ? record : { ...record, createdAt: before.createdAt };
    await putRoleAssignment(tx, kept);
    return kept;
  });

const toWire = (services: Pick<Services, 'config'>, one: RoleAssignmentRecord): RoleAssignmentResource => ({
  id: `${one.scope === '/' ? '' : one.scope}${HERE}/${one.id}`,
  name: one.id,
  type: TYPE,
  properties: {
    roleDefinitionId: roleDefinitionId(services, one.roleDefinitionId),
    principalId: one.principalId,
    principalType: one.principalType ?? 'ServicePrincipal',
    scope: one.scope,
    condition: null,
    conditionVersion: null,
    createdOn: isoTime(one.createdAt),
    updatedOn: isoTime(one.createdAt),
    createdBy: one.createdBy ?? null,
    updatedBy: one.createdBy ?? null,
    delegatedManagedIdentityResourceId: null,
    description: one.description ?? null,
  },
});
