import type { JsonObject } from '../vault/json.ts';
import type { Queries } from './schema.ts';

export type OperationStatus = 'InProgress' | 'Succeeded' | 'Failed' | 'Canceled';

/** The ARM envelope that a client polls. */
export interface Operation {
  /** UUID. */
  readonly id: string;
  readonly vaultId?: string;
  /** Path under which it was begun: subscription, vault or item. */
  readonly scope: string;
  readonly status: OperationStatus;
  readonly startTime: number;
  readonly endTime?: number;
  readonly jobId?: string;
  readonly error?: { readonly code: string; readonly message: string };
  readonly properties?: JsonObject;
}

/** Makes it or replaces it, by id. */
export const putOperation = async (db: Queries, operation: Operation): Promise<void> => {
  const row = {
    id: operation.id,
    vault_id: operation.vaultId ?? null,
    status: operation.status,
    start_time: operation.startTime,
    body: JSON.stringify(operation),
  };
  await db
    .insertInto('operations')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
};

export const getOperation = async (db: Queries, operationId: string): Promise<Operation | undefined> => {
  const row = await db.selectFrom('operations').select('body').where('id', '=', operationId).executeTakeFirst();
  return row && (JSON.parse(row.body) as Operation);
};

/** Operations of a vault under one kind of path, `/backupPolicies/` say, that began since. */
export const countOperations = async (
  db: Queries,
  vaultId: string,
  { under, since }: { readonly under: string; readonly since: number },
): Promise<number> => {
  const row = await db
    .selectFrom('operations')
    .select((e) => e.fn.countAll<number>().as('operations'))
    .where('vault_id', '=', vaultId)
    .where('start_time', '>', since)
    .where('body', 'like', `%"scope":"%${under}%`)
    .executeTakeFirstOrThrow();
  return Number(row.operations);
};

/** Forgets operations begun before `startedBefore` that are no longer in progress; the number forgotten. */
export const forgetOperations = async (db: Queries, startedBefore: number): Promise<number> => {
  const result = await db
    .deleteFrom('operations')
    .where('start_time', '<', startedBefore)
    .where('status', '!=', 'InProgress')
    .executeTakeFirst();
  return Number(result.numDeletedRows);
};

/** In progress, and of no vault: a vault's are ended by its jobs. */
export const interruptedOperations = async (db: Queries): Promise<readonly Operation[]> => {
  const rows = await db
    .selectFrom('operations')
    .select('body')
    .where('status', '=', 'InProgress')
    .where('vault_id', 'is', null)
    .execute();
  return rows.map((row) => JSON.parse(row.body) as Operation);
};
