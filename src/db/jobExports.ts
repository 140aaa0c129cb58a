import type { JobFilter } from './jobList.ts';
import type { Queries } from './schema.ts';

/** A list of jobs that somebody may download. */
export interface JobExport {
  /** UUID; stands in the URL, and is that of its operation. */
  readonly id: string;
  readonly vaultId: string;
  /** ARM id of the vault. */
  readonly vaultArmId: string;
  readonly filter: JobFilter;
  readonly format: 'json' | 'csv';
}

/** Nobody can download it until it is opened. `expiresAt`: ms since epoch. */
export const putJobExport = async (db: Queries, made: JobExport, expiresAt: number): Promise<void> => {
  await db
    .insertInto('job_exports')
    .values({
      ...{ id: made.id, vault_id: made.vaultId, key_hash: '', expires_at: expiresAt, used_at: null },
      body: JSON.stringify(made),
    })
    .execute();
};

export const getJobExport = async (db: Queries, id: string): Promise<JobExport | undefined> => {
  const row = await db.selectFrom('job_exports').select('body').where('id', '=', id).executeTakeFirst();
  return row && (JSON.parse(row.body) as JobExport);
};

/** Whoever has the key may download it, once; an older key is worth nothing any more. `keyHash`: hex SHA-256. */
export const openJobExport = async (
  db: Queries,
  id: string,
  { keyHash, expiresAt }: { readonly keyHash: string; readonly expiresAt: number },
): Promise<void> => {
  await db
    .updateTable('job_exports')
    .set({ key_hash: keyHash, expires_at: expiresAt, used_at: null })
    .where('id', '=', id)
    .execute();
};

/** Takes the download, for the first that comes in time with the right key; undefined: nobody else. */
export const takeJobExport = async (
  db: Queries,
  id: string,
  keyHash: string,
  now: number,
): Promise<JobExport | undefined> => {
  const row = await db
    .updateTable('job_exports')
    .set({ used_at: now })
    .where('id', '=', id)
    .where('key_hash', '=', keyHash)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .returning('body')
    .executeTakeFirst();
  return row && (JSON.parse(row.body) as JobExport);
};

/** Lets go of what was opened, or asked for, long ago. */
export const forgetJobExports = async (db: Queries, before: number): Promise<void> => {
  await db.deleteFrom('job_exports').where('expires_at', '<', before).execute();
};
