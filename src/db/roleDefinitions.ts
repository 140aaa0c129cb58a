import type { Queries } from './schema.ts';

/** A custom role. */
export interface RoleDefinitionRecord {
  /** UUID, lower case. */
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly actions: readonly string[];
  readonly notActions: readonly string[];
  /** ARM ids: where it may be given, and below. */
  readonly assignableScopes: readonly string[];
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Makes it or replaces it, by id. */
export const putRoleDefinition = async (db: Queries, role: RoleDefinitionRecord): Promise<void> => {
  const row = { id: role.id.toLowerCase(), body: JSON.stringify(role) };
  await db
    .insertInto('role_definitions')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
};

export const findRoleDefinition = async (db: Queries, id: string): Promise<RoleDefinitionRecord | undefined> => {
  const row = await db
    .selectFrom('role_definitions')
    .select('body')
    .where('id', '=', id.toLowerCase())
    .executeTakeFirst();
  return row && (JSON.parse(row.body) as RoleDefinitionRecord);
};

/** In the order of their ids. */
export const listRoleDefinitions = async (db: Queries): Promise<readonly RoleDefinitionRecord[]> =>
  (await db.selectFrom('role_definitions').select('body').orderBy('id').execute()).map(
    (row) => JSON.parse(row.body) as RoleDefinitionRecord,
  );

export const deleteRoleDefinition = async (db: Queries, id: string): Promise<void> => {
  await db.deleteFrom('role_definitions').where('id', '=', id.toLowerCase()).execute();
};
