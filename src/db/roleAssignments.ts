import type { Queries } from './schema.ts';

export interface RoleAssignmentRecord {
  /** UUID. */
  readonly id: string;
  /** ARM id it holds at and below; '/' is everywhere. */
  readonly scope: string;
  /** UUID of the role. */
  readonly roleDefinitionId: string;
  readonly principalId: string;
  readonly principalType?: string;
  readonly description?: string;
  readonly createdAt: number;
  /** Object id of who gave it. */
  readonly createdBy?: string;
}

/** Which assignments; what is absent does not matter. */
export interface RoleAssignmentQuery {
  readonly principalId?: string;
  /** Those at this scope exactly. */
  readonly at?: string;
  readonly atOrAbove?: string;
  /** Those at this scope, above it, or below it. */
  readonly around?: string;
}

/** Makes it or replaces it, by id. */
export const putRoleAssignment = async (db: Queries, assignment: RoleAssignmentRecord): Promise<void> => {
  const row = {
    id: assignment.id.toLowerCase(),
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

export const findRoleAssignment = async (db: Queries, id: string): Promise<RoleAssignmentRecord | undefined> => {
  const row = await db
    .selectFrom('role_assignments')
    .select('body')
    .where('id', '=', id.toLowerCase())
    .executeTakeFirst();
  return row && (JSON.parse(row.body) as RoleAssignmentRecord);
};

export const deleteRoleAssignment = async (db: Queries, id: string): Promise<void> => {
  await db.deleteFrom('role_assignments').where('id', '=', id.toLowerCase()).execute();
};

/** All, or those of one principal. */
export const listRoleAssignments = async (
  db: Queries,
  principalId?: string,
): Promise<readonly RoleAssignmentRecord[]> => {
  let query = db.selectFrom('role_assignments').select('body');
  if (principalId !== undefined) query = query.where('principal_id', '=', principalId);
  return (await query.orderBy('id').execute()).map(fromRow);
};

/** In the order of their ids, after `afterId`. */
export const pageOfRoleAssignments = async (
  db: Queries,
  where: RoleAssignmentQuery,
  limit: number,
  afterId?: string,
): Promise<readonly RoleAssignmentRecord[]> => {
  let query = db.selectFrom('role_assignments').select('body');
  if (afterId !== undefined) query = query.where('id', '>', afterId);
  if (where.principalId !== undefined) query = query.where('principal_id', '=', where.principalId);
  if (where.at !== undefined) query = query.where('scope_key', '=', keyOf(where.at));
  if (where.atOrAbove !== undefined) query = query.where('scope_key', 'in', above(keyOf(where.atOrAbove)));
  if (where.around !== undefined) {
    const key = keyOf(where.around);
    const below = key === '/' ? '/' : `${key}/`;
    query = query.where((either) =>
      either.or([
        either('scope_key', 'in', above(key)),
        // '0' follows '/' in ASCII
        either.and([either('scope_key', '>=', below), either('scope_key', '<', `${below.slice(0, -1)}0`)]),
      ]),
    );
  }
  return (await query.orderBy('id').limit(limit).execute()).map(fromRow);
};

/** '/subscriptions/s/resourceGroups/g' → '/', '/subscriptions', '/subscriptions/s' … itself. */
function above(key: string): string[] {
  const parts = key.split('/').filter((part) => part !== '');
  return ['/', ...parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)];
}

const keyOf = (scope: string): string => scope.replace(/(?<=.)\/+$/, '').toLowerCase();

const fromRow = (row: { body: string }): RoleAssignmentRecord => JSON.parse(row.body) as RoleAssignmentRecord;
