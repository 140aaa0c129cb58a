import { CodedError } from '../lib/error.ts';
import type { Queries, Schema } from './schema.ts';

/**
 * `live` may be referred to by new points; `condemned` is on its way out (whole, or its dead slots) and may still be
 * rescued; `compacting` takes no new references until its next generation is written, then it is live again;
 * `deleting` and `gone` may never be referred to again.
 */
export type PackState = 'live' | 'condemned' | 'compacting' | 'deleting' | 'gone';

export interface Pack {
  readonly vaultId: string;
  /** 32 hex digits. */
  readonly packId: string;
  /** Object name in the store. */
  readonly name: string;
  readonly kind: 'data' | 'meta';
  readonly sizeBytes: number;
  /** Its slots are below this; a compacted pack has fewer records. */
  readonly slots: number;
  readonly state: PackState;
  /** Session that wrote it. */
  readonly sessionId: string;
  readonly createdAt: number;
}

/** Records packs that are durable in the store; one already there is left as it is. */
export const recordPacks = async (db: Queries, packs: readonly Omit<Pack, 'state'>[]): Promise<void> => {
  for (const some of chunksOf(packs, 500)) {
    await db
      .insertInto('packs')
      .values(some.map((pack) => toRow({ ...pack, state: 'live' })))
      .onConflict((conflict) => conflict.columns(['vault_id', 'pack_id']).doNothing())
      .execute();
  }
};

/**
 * Records a pack that an open session has just made durable. One that a collection found first, and took for nobody's,
 * is the session's again. Errors: PackNotReferable (it is being deleted already).
 */
export const recordSessionPack = async (db: Queries, pack: Omit<Pack, 'state'>): Promise<void> => {
  await recordPacks(db, [pack]);
  const known = () => db.updateTable('packs').where('vault_id', '=', pack.vaultId).where('pack_id', '=', pack.packId);
  const own = {
    session_id: pack.sessionId,
    state: 'live',
    condemned_for: null,
    condemned_at: null,
    condemned_epoch: null,
  };
  const taken = await known().set(own).where('state', 'in', ['live', 'condemned']).executeTakeFirst();
  if (taken.numUpdatedRows > 0n) return;
  throw new CodedError('PackNotReferable', `Pack ${pack.packId} was taken for nobody's and is being deleted.`, {
    target: pack.packId,
    recommendations: ['Run the backup again: it stores the bytes anew.'],
  });
};

export const getPack = async (db: Queries, vaultId: string, packId: string): Promise<Pack | undefined> => {
  const row = await db
    .selectFrom('packs')
    .selectAll()
    .where('vault_id', '=', vaultId)
    .where('pack_id', '=', packId)
    .executeTakeFirst();
  return row && packFromRow(row);
};

/** By pack id, `limit` at a time; go on with the last one's id as `after`. */
export const listPacks = async (
  db: Queries,
  vaultId: string,
  filter: { readonly state?: PackState; readonly after?: string; readonly limit?: number } = {},
): Promise<readonly Pack[]> => {
  let query = db.selectFrom('packs').selectAll().where('vault_id', '=', vaultId);
  if (filter.state !== undefined) query = query.where('state', '=', filter.state);
  if (filter.after !== undefined) query = query.where('pack_id', '>', filter.after);
  const rows = await query
    .orderBy('pack_id')
    .limit(filter.limit ?? 10_000)
    .execute();
  return rows.map(packFromRow);
};

/** Moves packs from one state to the next; the ids that were in `from` and moved. */
export const movePacks = async (
  db: Queries,
  vaultId: string,
  packIds: readonly string[],
  from: PackState,
  to: PackState,
): Promise<readonly string[]> => {
  const moved: string[] = [];
  for (const some of chunksOf(packIds, 500)) {
    const rows = await db
      .updateTable('packs')
      .set({ state: to })
      .where('vault_id', '=', vaultId)
      .where('state', '=', from)
      .where('pack_id', 'in', some)
      .returning('pack_id')
      .execute();
    moved.push(...rows.map((row) => row.pack_id));
  }
  return moved;
};

/** What the vault's store holds, packs not yet gone. */
export const storedBytes = async (
  db: Queries,
  vaultId: string,
): Promise<{ readonly packs: number; readonly sizeBytes: number }> => {
  const row = await db
    .selectFrom('packs')
    .select((e) => [e.fn.countAll<number>().as('packs'), e.fn.sum<number | null>('size_bytes').as('size')])
    .where('vault_id', '=', vaultId)
    .where('state', '!=', 'gone')
    .executeTakeFirstOrThrow();
  return { packs: Number(row.packs), sizeBytes: Number(row.size ?? 0) };
};

export const countDamagedPacks = async (db: Queries, vaultId: string): Promise<number> => {
  const row = await db
    .selectFrom('packs')
    .select((e) => e.fn.countAll<number>().as('packs'))
    .where('vault_id', '=', vaultId)
    .where('damaged_at', 'is not', null)
    .where('state', '!=', 'gone')
    .executeTakeFirstOrThrow();
  return Number(row.packs);
};

/** Statements take a bounded number of parameters. */
export const chunksOf = <T>(values: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(values.length / size) }, (_, i) => values.slice(i * size, (i + 1) * size));

const toRow = (pack: Pack) => ({
  vault_id: pack.vaultId,
  pack_id: pack.packId,
  name: pack.name,
  kind: pack.kind,
  size_bytes: pack.sizeBytes,
  slots: pack.slots,
  state: pack.state,
  session_id: pack.sessionId,
  created_at: pack.createdAt,
});

export const packFromRow = (row: Schema['packs']): Pack => ({
  vaultId: row.vault_id,
  packId: row.pack_id,
  name: row.name,
  kind: row.kind as Pack['kind'],
  sizeBytes: row.size_bytes,
  slots: row.slots,
  state: row.state as PackState,
  sessionId: row.session_id,
  createdAt: row.created_at,
});
