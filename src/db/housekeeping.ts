import { HOUSEKEEPING_OPERATIONS, type Job, type JobOperation } from '../vault/job.ts';
import { inTransaction } from './database.ts';
import { fromRow, type NewJob } from './jobRow.ts';
import { enqueueJob } from './jobs.ts';
import type { Queries } from './schema.ts';

/** Puts a housekeeping job in the queue; the one that has not ended when the vault has one of this operation already. */
export const enqueueHousekeeping = (db: Queries, job: NewJob): Promise<Job> =>
  inTransaction(db, async (tx) => {
    const running = await tx
      .selectFrom('jobs')
      .selectAll()
      .where('vault_id', '=', job.vaultId)
      .where('operation', '=', job.operation)
      .where('end_time', 'is', null)
      .limit(1)
      .executeTakeFirst();
    return running ? fromRow(running) : enqueueJob(tx, job);
  });

/** When the vault's last job of the operation was asked for, ms; undefined: never, or long ago. */
export const lastStartOf = async (
  db: Queries,
  vaultId: string,
  operation: JobOperation,
): Promise<number | undefined> => {
  const row = await db
    .selectFrom('jobs')
    .select('start_time')
    .where('vault_id', '=', vaultId)
    .where('operation', '=', operation)
    .orderBy('start_time', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.start_time;
};

/** The vault's newest job of the operation, ended or not. */
export const latestHousekeepingJob = async (
  db: Queries,
  vaultId: string,
  operation: JobOperation,
): Promise<Job | undefined> => {
  const row = await db
    .selectFrom('jobs')
    .selectAll()
    .where('vault_id', '=', vaultId)
    .where('operation', '=', operation)
    .orderBy('start_time', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row && fromRow(row);
};

/** Lets go of housekeeping jobs that ended before `before`; backups and restores are never forgotten here. */
export const forgetHousekeeping = (db: Queries, before: number): Promise<void> =>
  inTransaction(db, async (tx) => {
    const old = tx
      .selectFrom('jobs')
      .select('id')
      .where('operation', 'in', [...HOUSEKEEPING_OPERATIONS])
      .where('end_time', '<', before);
    await tx.deleteFrom('job_journal').where('job_id', 'in', old).execute();
    await tx
      .deleteFrom('jobs')
      .where('operation', 'in', [...HOUSEKEEPING_OPERATIONS])
      .where('end_time', '<', before)
      .execute();
  });
