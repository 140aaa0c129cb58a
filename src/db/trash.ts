import type { Collector } from './collection.ts';
import { inTransaction } from './database.ts';
import { holdJob } from './jobRow.ts';
import { chunksOf } from './packs.ts';
import type { Queries } from './schema.ts';

/** Session of packs that were found in the store and that no session here had written down. */
export const ADOPTED = 'adopted';

/** When each of these unknown objects was first seen; those seen for the first time now are remembered. */
export const seeUnknown = (
  db: Queries,
  vaultId: string,
  names: readonly string[],
  now: number,
): Promise<ReadonlyMap<string, number>> =>
  inTransaction(db, async (tx) => {
    const seen = new Map<string, number>();
    for (const some of chunksOf(names, 500)) {
      await tx
        .insertInto('unknown_objects')
        .values(some.map((name) => ({ vault_id: vaultId, name, seen_at: now })))
        .onConflict((conflict) => conflict.columns(['vault_id', 'name']).doNothing())
        .execute();
      const rows = await tx
        .selectFrom('unknown_objects')
        .select(['name', 'seen_at'])
        .where('vault_id', '=', vaultId)
        .where('name', 'in', some)
        .execute();
      for (const { name, seen_at: at } of rows) seen.set(name, at);
    }
    return seen;
  });

/** A pack of the store becomes one of an ended session; one that is there already, and not gone, is left as it is. */
export const adoptPack = (
  db: Queries,
  collector: Collector,
  pack: {
    readonly packId: string;
    readonly name: string;
    readonly kind: 'data' | 'meta';
    readonly sizeBytes: number;
    readonly slots: number;
    readonly records: number;
  },
  now: number,
): Promise<void> =>
  inTransaction(db, async (tx) => {
    const { vaultId, jobId, epoch } = collector;
    await holdJob(tx, jobId, epoch);
    await tx
      .deleteFrom('packs')
      .where('vault_id', '=', vaultId)
      .where('pack_id', '=', pack.packId)
      .where('state', '=', 'gone')
      .execute();
    const { packId, name, kind, sizeBytes, slots, records } = pack;
    const row = { vault_id: vaultId, pack_id: packId, name, kind, size_bytes: sizeBytes, slots, records };
    await tx
      .insertInto('packs')
      .values({ ...row, state: 'live', session_id: ADOPTED, created_at: now })
      .onConflict((conflict) => conflict.columns(['vault_id', 'pack_id']).doNothing())
      .execute();
    await tx.deleteFrom('unknown_objects').where('vault_id', '=', vaultId).where('name', '=', name).execute();
  });

/** Unknown objects that are known or gone by now: those not seen since `before` the scan began. */
export const forgetUnknown = async (db: Queries, vaultId: string, stillThere: ReadonlySet<string>): Promise<void> => {
  const rows = await db.selectFrom('unknown_objects').select('name').where('vault_id', '=', vaultId).execute();
  const over = rows.map(({ name }) => name).filter((name) => !stillThere.has(name));
  for (const some of chunksOf(over, 500))
    await db.deleteFrom('unknown_objects').where('vault_id', '=', vaultId).where('name', 'in', some).execute();
};

export const putIntoTrash = async (
  db: Queries,
  vaultId: string,
  names: readonly string[],
  notBefore: number,
): Promise<void> => {
  for (const some of chunksOf(names, 500))
    await db
      .insertInto('trash')
      .values(some.map((name) => ({ vault_id: vaultId, name, not_before: notBefore })))
      .onConflict((conflict) => conflict.columns(['vault_id', 'name']).doNothing())
      .execute();
};

/** Names whose time has come, except what a pack's row names and what may be needed to repair a damaged pack. */
export const dueTrash = async (
  db: Queries,
  vaultId: string,
  now: number,
  limit = 10_000,
): Promise<readonly string[]> => {
  const rows = await db
    .selectFrom('trash')
    .select('name')
    .where('vault_id', '=', vaultId)
    .where('not_before', '<=', now)
    .where((e) =>
      e.not(
        e.exists(
          e
            .selectFrom('packs')
            .select('pack_id')
            .where('packs.vault_id', '=', vaultId)
            .whereRef('packs.pack_id', '=', (f) => f.fn('substr', ['trash.name', f.val(6), f.val(32)]))
            .where((p) => p.or([p('packs.damaged_at', 'is not', null), p('packs.name', '=', p.ref('trash.name'))])),
        ),
      ),
    )
    .orderBy('name')
    .limit(limit)
    .execute();
  return rows.map(({ name }) => name);
};

export const emptyTrash = async (db: Queries, vaultId: string, names: readonly string[]): Promise<void> => {
  for (const some of chunksOf(names, 500))
    await db.deleteFrom('trash').where('vault_id', '=', vaultId).where('name', 'in', some).execute();
};

export const countTrash = async (db: Queries, vaultId: string): Promise<number> => {
  const row = await db
    .selectFrom('trash')
    .select((e) => e.fn.countAll<number>().as('objects'))
    .where('vault_id', '=', vaultId)
    .executeTakeFirstOrThrow();
  return Number(row.objects);
};
