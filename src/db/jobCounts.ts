import type { Job, JobOperation } from '../vault/job.ts';
import type { Queries } from './schema.ts';

/** Jobs of a vault that began at `startFrom` or later. */
export const countJobs = async (
  db: Queries,
  filter: { readonly vaultId: string; readonly operations: readonly JobOperation[]; readonly startFrom: number },
): Promise<number> => {
  const row = await db
    .selectFrom('jobs')
    .select((e) => e.fn.countAll<number>().as('jobs'))
    .where('vault_id', '=', filter.vaultId)
    .where('start_time', '>=', filter.startFrom)
    .where('operation', 'in', [...filter.operations])
    .executeTakeFirstOrThrow();
  return Number(row.jobs);
};

/** Backups of an item that people asked for, begun at `startFrom` or later; of a day there are few. */
export const countOnDemandBackups = async (db: Queries, itemId: string, startFrom: number): Promise<number> => {
  const rows = await db
    .selectFrom('jobs')
    .select('body')
    .where('item_id', '=', itemId)
    .where('start_time', '>=', startFrom)
    .where('operation', '=', 'Backup')
    .execute();
  return rows.filter(({ body }) => (JSON.parse(body) as Pick<Job, 'isUserTriggered'>).isUserTriggered).length;
};
