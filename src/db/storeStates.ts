import type { JsonObject } from '../vault/json.ts';
import type { Queries } from './schema.ts';

/**
 * What the database remembers of one vault's store. Each part belongs to the work that writes it; a part that was
 * never written is absent.
 */
export interface StoreState {
  readonly vaultId: string;
  /** Counts condemnations: a session begun at epoch e was never offered what was condemned before e. */
  readonly gcEpoch: number;
  /** Counts deletions; the store has `gc/<gcSeq>`. A store that is ahead proves that this database is old. */
  readonly gcSeq: number;
  /** Names of the places that hold the store, fixed once an item is protected. */
  readonly layout?: JsonObject;
  /** Set: backups and collections wait until `reconcile` has compared database and store. */
  readonly reconcile?: { readonly since: number; readonly why: readonly string[] };
  /** The claim by which this server decides about the store. */
  readonly owner?: { readonly number: number; readonly instance: string; readonly since: number };
  /** What the last comparison of database and store found and did. */
  readonly lastReconcile?: JsonObject & { readonly at: number };
  readonly lastCollect?: JsonObject & { readonly at: number };
  /** What the last dry run would have done. */
  readonly collectPlan?: JsonObject & { readonly at: number };
  /** What `gc/<gcSeq>` holds: tells this database's deletions from those of a copy of it. */
  readonly collection?: { readonly token: string };
  readonly lastVerify?: JsonObject & { readonly at: number };
  readonly replication?: JsonObject;
  readonly locks?: JsonObject;
  readonly checkpoint?: JsonObject & { readonly at: number };
  /** The newest copy of the database in the store that was read back and opened. */
  readonly databaseCopy?: JsonObject & { readonly at: number };
  readonly recoveryKit?: JsonObject;
}

type Part = Exclude<keyof StoreState, 'vaultId' | 'gcEpoch' | 'gcSeq'>;

export const getStoreState = async (db: Queries, vaultId: string): Promise<StoreState> => {
  const row = await db.selectFrom('store_states').selectAll().where('vault_id', '=', vaultId).executeTakeFirst();
  if (!row) return { vaultId, gcEpoch: 0, gcSeq: 0 };
  return { ...(JSON.parse(row.body) as Pick<StoreState, Part>), vaultId, gcEpoch: row.gc_epoch, gcSeq: row.gc_seq };
};

/** Writes the parts that are named and leaves the others; undefined removes a part. Call it in a transaction. */
export const changeStoreState = async (
  db: Queries,
  vaultId: string,
  change: { readonly [Name in Exclude<keyof StoreState, 'vaultId'>]?: StoreState[Name] | undefined },
): Promise<StoreState> => {
  const { vaultId: _vaultId, gcEpoch, gcSeq, ...parts } = { ...(await getStoreState(db, vaultId)), ...change };
  const row = { vault_id: vaultId, gc_epoch: gcEpoch ?? 0, gc_seq: gcSeq ?? 0, body: JSON.stringify(parts) };
  await db
    .insertInto('store_states')
    .values(row)
    .onConflict((conflict) => conflict.column('vault_id').doUpdateSet(row))
    .execute();
  return getStoreState(db, vaultId);
};
