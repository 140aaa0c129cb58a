import type { Queries } from './schema.ts';

export interface RoleAssignmentRecord {
  /** UUID. */
  readonly id: string;
  /** ARM id it holds at and below; '/' is everywhere. */
  readonly scope: string;
  readonly roleDefinitionId: string;
  readonly principalId: string;
  readonly createdAt: number;
}

/** Makes it or replaces it, by id. */
export const putRoleAssignment = async (db: Queries, assignment: RoleAssignmentRecord): Promise<void> => {
  const row = {
    id: assignment.id,
    scope_key: assignment.scope.toLowerCase(),
    principal_id: assignment.principalId,
    body: JSON.stringify(assignment),
  };
  await db
    .insertInto('role_assignments')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
};

/** All, or those of one principal. */
export const listRoleAssignments = async (
  db: Queries,
  principalId?: string,
): Promise<readonly RoleAssignmentRecord[]> => {
  let query = db.selectFrom('role_assignments').select('body');
  if (principalId !== undefined) query = query.where('principal_id', '=', principalId);
  return (await query.orderBy('id').execute()).map((row) => JSON.parse(row.body) as RoleAssignmentRecord);
};
