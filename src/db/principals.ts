import type { JsonObject } from '../vault/json.ts';
import type { Queries } from './schema.ts';

/** Who may sign in. Secrets stand in `credentials` as hashes, in the identity room's own words. */
export interface PrincipalRecord {
  /** Object id, UUID. */
  readonly id: string;
  /** What it signs in as: the application (client) id, or a user's principal name. */
  readonly appId: string;
  readonly kind: 'ServicePrincipal' | 'User';
  readonly displayName: string;
  readonly credentials: JsonObject;
  readonly createdAt: number;
}

/** Makes it or replaces it, by id. */
export const putPrincipal = async (db: Queries, principal: PrincipalRecord): Promise<void> => {
  const row = { id: principal.id, app_id: principal.appId.toLowerCase(), body: JSON.stringify(principal) };
  await db
    .insertInto('principals')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
};

export const findPrincipal = async (db: Queries, id: string): Promise<PrincipalRecord | undefined> => {
  const row = await db.selectFrom('principals').select('body').where('id', '=', id.toLowerCase()).executeTakeFirst();
  return row && fromRow(row);
};

export const findPrincipalByAppId = async (db: Queries, appId: string): Promise<PrincipalRecord | undefined> => {
  const row = await db
    .selectFrom('principals')
    .select('body')
    .where('app_id', '=', appId.toLowerCase())
    .executeTakeFirst();
  return row && fromRow(row);
};

export const listPrincipals = async (db: Queries): Promise<readonly PrincipalRecord[]> =>
  (await db.selectFrom('principals').select('body').orderBy('id').execute()).map(fromRow);

/** In the order of their ids, after `afterId`. */
export const pageOfPrincipals = async (
  db: Queries,
  limit: number,
  afterId?: string,
): Promise<readonly PrincipalRecord[]> => {
  let query = db.selectFrom('principals').select('body');
  if (afterId !== undefined) query = query.where('id', '>', afterId);
  return (await query.orderBy('id').limit(limit).execute()).map(fromRow);
};

/** With its role assignments and sign-ins. */
export const deletePrincipal = async (db: Queries, id: string): Promise<void> => {
  await db.deleteFrom('role_assignments').where('principal_id', '=', id).execute();
  await db.deleteFrom('refresh_tokens').where('principal_id', '=', id).execute();
  await db.deleteFrom('principals').where('id', '=', id).execute();
};

const fromRow = (row: { body: string }): PrincipalRecord => JSON.parse(row.body) as PrincipalRecord;
