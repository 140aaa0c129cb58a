import type { Database } from '../db/database.ts';
import {
  findPrincipal,
  findPrincipalByAppId,
  listPrincipals,
  type PrincipalRecord,
  putPrincipal,
} from '../db/principals.ts';
import { listRoleAssignments, putRoleAssignment } from '../db/roleAssignments.ts';
import { findRoleDefinition } from '../db/roleDefinitions.ts';
import type { Clock } from '../lib/clock.ts';
import { isUser, type PrincipalStore, type ServicePrincipal, type User } from './principalStore.ts';
import type { RoleAssignmentStore } from './roleAssignment.ts';

export const databasePrincipals = (db: Database, clock: Clock): PrincipalStore => ({
  findByAppId: async (appId) => {
    const record = await findPrincipalByAppId(db.queries, appId);
    return record?.kind === 'ServicePrincipal' ? (toPrincipal(record) as ServicePrincipal) : undefined;
  },
  findUser: async (name) => {
    const record = await findPrincipalByAppId(db.queries, name);
    return record?.kind === 'User' ? (toPrincipal(record) as User) : undefined;
  },
  findById: async (objectId) => {
    const record = await findPrincipal(db.queries, objectId);
    return record && toPrincipal(record);
  },
  list: async () =>
    (await listPrincipals(db.queries))
      .filter((record) => record.kind === 'ServicePrincipal')
      .map((record) => toPrincipal(record) as ServicePrincipal),
  save: async (principal) => {
    await db.transaction(async (tx) => {
      const before = await findPrincipal(tx, principal.objectId);
      await putPrincipal(tx, toRecord(principal, before?.createdAt ?? clock.now()));
    });
  },
});

export const databaseRoleAssignments = (db: Database, clock: Clock): RoleAssignmentStore => ({
  forPrincipal: async (principalId) =>
    (await listRoleAssignments(db.current, principalId)).map(({ id, scope, roleDefinitionId }) => ({
      id,
      principalId,
      roleId: roleDefinitionId,
      scope,
    })),
  customRole: (id) => findRoleDefinition(db.current, id),
  save: ({ id, principalId, roleId, scope }) =>
    putRoleAssignment(db.queries, { id, principalId, roleDefinitionId: roleId, scope, createdAt: clock.now() }),
});

/** What this room keeps of a principal in the database's `credentials`: all that has no column of its own. */
export function toRecord(principal: ServicePrincipal | User, createdAt: number): PrincipalRecord {
  const { objectId: id, displayName, ...rest } = principal;
  if (isUser(principal)) {
    const { userPrincipalName: appId, ...credentials } = rest as Omit<User, 'objectId' | 'displayName'>;
    return { id, appId, kind: 'User', displayName, credentials: plain(credentials), createdAt };
  }
  const { appId, ...credentials } = rest as Omit<ServicePrincipal, 'objectId' | 'displayName'>;
  return { id, appId, kind: 'ServicePrincipal', displayName, credentials: plain(credentials), createdAt };
}

export function toPrincipal(record: PrincipalRecord): ServicePrincipal | User {
  const { id: objectId, displayName, appId, credentials } = record;
  const rest = credentials as unknown as Omit<ServicePrincipal, 'objectId' | 'displayName' | 'appId'>;
  if (record.kind === 'ServicePrincipal') return { ...rest, objectId, displayName, appId };
  return { ...(rest as unknown as User), objectId, displayName, userPrincipalName: appId };
}

const plain = (value: object): PrincipalRecord['credentials'] =>
  JSON.parse(JSON.stringify(value)) as PrincipalRecord['credentials'];
