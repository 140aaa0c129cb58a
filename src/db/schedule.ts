import type { Queries } from './schema.ts';

export type OccurrenceOutcome = 'fired' | 'missed';

export interface OccurrenceRecord {
  readonly itemId: string;
  /** The schedule's own key of the occurrence; unique per item, so none fires twice. */
  readonly key: string;
  readonly dueAt: number;
  readonly outcome: OccurrenceOutcome;
  readonly jobId?: string;
  readonly recordedAt: number;
}

/** False when the item's occurrence is already there: the caller then does nothing for it. */
export const recordOccurrence = async (db: Queries, record: OccurrenceRecord): Promise<boolean> => {
  const result = await db
    .insertInto('occurrences')
    .values({
      item_id: record.itemId,
      occurrence_key: record.key,
      due_at: record.dueAt,
      outcome: record.outcome,
      job_id: record.jobId ?? null,
      recorded_at: record.recordedAt,
    })
    .onConflict((conflict) => conflict.columns(['item_id', 'occurrence_key']).doNothing())
    .executeTakeFirst();
  return Number(result.numInsertedOrUpdatedRows ?? 0n) > 0;
};

/** Newest first. */
export const listOccurrences = async (
  db: Queries,
  itemId: string,
  limit = 100,
): Promise<readonly OccurrenceRecord[]> => {
  const rows = await db
    .selectFrom('occurrences')
    .selectAll()
    .where('item_id', '=', itemId)
    .orderBy('due_at', 'desc')
    .orderBy('occurrence_key', 'desc')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    itemId: row.item_id,
    key: row.occurrence_key,
    dueAt: row.due_at,
    outcome: row.outcome as OccurrenceOutcome,
    ...(row.job_id !== null && { jobId: row.job_id }),
    recordedAt: row.recorded_at,
  }));
};

/** The instant up to which the item's occurrences were considered; absent before the first time. */
export const getScheduleCursor = async (db: Queries, itemId: string): Promise<number | undefined> =>
  (await db.selectFrom('schedule_cursors').select('considered_until').where('item_id', '=', itemId).executeTakeFirst())
    ?.considered_until;

export const setScheduleCursor = async (db: Queries, itemId: string, consideredUntil: number): Promise<void> => {
  await db
    .insertInto('schedule_cursors')
    .values({ item_id: itemId, considered_until: consideredUntil })
    .onConflict((conflict) => conflict.column('item_id').doUpdateSet({ considered_until: consideredUntil }))
    .execute();
};
