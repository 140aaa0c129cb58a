import { inTransaction } from './database.ts';
import type { Queries } from './schema.ts';

/** Each goes from eight indices: more of them would hold requests up. */
const AT_ONCE = 200;

/** Lets go of jobs that ended before `before`, with their journals; jobs that have not ended stay. How many. */
export const forgetJobs = async (db: Queries, before: number): Promise<number> => {
  let forgotten = 0;
  for (;;) {
    const some = await forgetSome(db, before);
    forgotten += some;
    if (some < AT_ONCE) return forgotten;
  }
};

const forgetSome = (db: Queries, before: number): Promise<number> =>
  inTransaction(db, async (tx) => {
    const rows = await tx
      .selectFrom('jobs')
      .select('id')
      .where('end_time', '<', before)
      .orderBy('end_time')
      .limit(AT_ONCE)
      .execute();
    const ids = rows.map(({ id }) => id);
    if (ids.length === 0) return 0;
    await tx.deleteFrom('job_journal').where('job_id', 'in', ids).execute();
    await tx.deleteFrom('jobs').where('id', 'in', ids).execute();
    return ids.length;
  });
