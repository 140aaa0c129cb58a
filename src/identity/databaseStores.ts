import type { Database } from '../db/database.ts';
import { findPrincipalByAppId, listPrincipals, type PrincipalRecord, putPrincipal } from '../db/principals.ts';
import { listRoleAssignments, putRoleAssignment } from '../db/roleAssignments.ts';
import type { Clock } from '../lib/clock.ts';
import type { PrincipalStore, SecretRecord, ServicePrincipal } from './principalStore.ts';
import type { RoleAssignmentStore } from './roleAssignment.ts';

/** What this room keeps of a principal in the database's `credentials`. */
type Credentials = { tenantId: string; secrets: readonly SecretRecord[]; disabled?: boolean };

export const databasePrincipals = (db: Database, clock: Clock): PrincipalStore => ({
  findByAppId: async (appId) => {
    const record = await findPrincipalByAppId(db.queries, appId);
    return record && fromRecord(record);
  },
  list: async () =>
    (await listPrincipals(db.queries)).filter((record) => record.kind === 'ServicePrincipal').map(fromRecord),
  save: async ({ appId, objectId, displayName, tenantId, secrets, disabled }) => {
    const credentials = {
      tenantId,
      secrets: secrets.map((secret) => ({ ...secret })),
      ...(disabled === undefined ? {} : { disabled }),
    };
    await db.transaction(async (tx) => {
      const before = await findPrincipalByAppId(tx, appId);
      const createdAt = before?.createdAt ?? clock.now();
      await putPrincipal(tx, { id: objectId, appId, kind: 'ServicePrincipal', displayName, credentials, createdAt });
    });
  },
});

export const databaseRoleAssignments = (db: Database, clock: Clock): RoleAssignmentStore => ({
  forPrincipal: async (principalId) =>
    (await listRoleAssignments(db.queries, principalId)).map(({ id, scope, roleDefinitionId }) => ({
      id,
      principalId,
      roleId: roleDefinitionId,
      scope,
    })),
  save: ({ id, principalId, roleId, scope }) =>
    putRoleAssignment(db.queries, { id, principalId, roleDefinitionId: roleId, scope, createdAt: clock.now() }),
});

function fromRecord(record: PrincipalRecord): ServicePrincipal {
  const { tenantId, secrets, disabled } = record.credentials as unknown as Credentials;
  return {
    appId: record.appId,
    objectId: record.id,
    tenantId,
    displayName: record.displayName,
    secrets,
    ...(disabled === undefined ? {} : { disabled }),
  };
}
