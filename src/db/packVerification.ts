import { chunksOf, type PackState } from './packs.ts';
import type { Queries } from './schema.ts';

/** A pack as the scrub needs to know it. */
export interface PackToVerify {
  readonly packId: string;
  readonly name: string;
  readonly kind: 'data' | 'meta';
  readonly sizeBytes: number;
  /** When its bytes were last compared with its name; null: never. */
  readonly verifiedAt: number | null;
  /** When it was found damaged; null: it is not known to be. */
  readonly damagedAt: number | null;
}

export interface Coverage {
  readonly packs: number;
  readonly sizeBytes: number;
  readonly neverVerified: number;
  /** Of those that ever were; undefined: none was. */
  readonly oldestVerifiedAt?: number;
  /** Packs without any good copy. */
  readonly damagedPacks: number;
}

/** Packs on whose bytes something may depend. */
const HELD: readonly PackState[] = ['live', 'condemned', 'compacting'];
const COLUMNS = ['pack_id', 'name', 'kind', 'size_bytes', 'verified_at', 'damaged_at'] as const;

/** Least recently verified first, those never verified before all; go on with the last one as `after`. */
export const packsToVerify = async (
  db: Queries,
  vaultId: string,
  page: {
    readonly after?: Pick<PackToVerify, 'packId' | 'verifiedAt'>;
    /** ms; absent: whenever. */
    readonly verifiedBefore?: number;
    readonly limit: number;
  },
): Promise<readonly PackToVerify[]> => {
  const { after, limit, verifiedBefore } = page;
  let query = held(db, vaultId).where('damaged_at', 'is', null).where('suspect_at', 'is', null);
  if (verifiedBefore !== undefined)
    query = query.where((e) => e.or([e('verified_at', 'is', null), e('verified_at', '<', verifiedBefore)]));
  if (after?.verifiedAt === null) {
    query = query.where((e) =>
      e.or([e('verified_at', 'is not', null), e.and([e('verified_at', 'is', null), e('pack_id', '>', after.packId)])]),
    );
  } else if (after) {
    const { verifiedAt, packId } = after;
    query = query.where((e) =>
      e.or([e('verified_at', '>', verifiedAt), e.and([e('verified_at', '=', verifiedAt), e('pack_id', '>', packId)])]),
    );
  }
  const rows = await query
    .orderBy('verified_at', (order) => order.asc().nullsFirst())
    .orderBy('pack_id')
    .limit(limit)
    .execute();
  return rows.map(fromRow);
};

/** Packs that somebody stumbled over, or that were found damaged: each run looks at them again. */
export const suspectPacks = async (
  db: Queries,
  vaultId: string,
  page: { readonly after?: string; readonly limit: number },
): Promise<readonly PackToVerify[]> => {
  let query = held(db, vaultId).where((e) => e.or([e('damaged_at', 'is not', null), e('suspect_at', 'is not', null)]));
  if (page.after !== undefined) query = query.where('pack_id', '>', page.after);
  return (await query.orderBy('pack_id').limit(page.limit).execute()).map(fromRow);
};

/** Ids of packs without a good copy, `limit` at most. */
export const damagedPackIds = async (db: Queries, vaultId: string, limit: number): Promise<readonly string[]> => {
  const rows = await held(db, vaultId).where('damaged_at', 'is not', null).orderBy('pack_id').limit(limit).execute();
  return rows.map((row) => row.pack_id);
};

/** Its bytes were found sound: it is neither damaged nor suspect any more. */
export const markPacksVerified = async (
  db: Queries,
  vaultId: string,
  packIds: readonly string[],
  now: number,
): Promise<void> => {
  for (const some of chunksOf(packIds, 500)) {
    await db
      .updateTable('packs')
      .set({ verified_at: now, suspect_at: null, damaged_at: null })
      .where('vault_id', '=', vaultId)
      .where('pack_id', 'in', some)
      .execute();
  }
};

/**
 * No good copy of it is left. False when the pack has meanwhile got another object, or is being deleted: then what
 * was looked at is no longer the pack. `name` absent: whatever object it has.
 */
export const markPackDamaged = async (
  db: Queries,
  vaultId: string,
  pack: { readonly packId: string; readonly name?: string },
  now: number,
): Promise<boolean> => {
  let query = db
    .updateTable('packs')
    .set((e) => ({ damaged_at: e.fn.coalesce('damaged_at', e.val(now)), verified_at: now, suspect_at: null }))
    .where('vault_id', '=', vaultId)
    .where('pack_id', '=', pack.packId)
    .where('state', 'in', HELD);
  if (pack.name !== undefined) query = query.where('name', '=', pack.name);
  return (await query.executeTakeFirst()).numUpdatedRows > 0n;
};

/** A read of it went wrong somewhere: the next verification looks at it first. */
export const suspectPack = async (db: Queries, vaultId: string, packId: string, now: number): Promise<void> => {
  await db
    .updateTable('packs')
    .set({ suspect_at: now })
    .where('vault_id', '=', vaultId)
    .where('pack_id', '=', packId)
    .execute();
};

export const coverageOf = async (db: Queries, vaultId: string): Promise<Coverage> => {
  const row = await db
    .selectFrom('packs')
    .select((e) => [
      e.fn.countAll<number>().as('packs'),
      e.fn.sum<number | null>('size_bytes').as('size'),
      e.fn.count<number>('verified_at').as('verified'),
      e.fn.min<number | null>('verified_at').as('oldest'),
      e.fn.count<number>('damaged_at').as('damaged'),
    ])
    .where('vault_id', '=', vaultId)
    .where('state', 'in', HELD)
    .executeTakeFirstOrThrow();
  return {
    packs: Number(row.packs),
    sizeBytes: Number(row.size ?? 0),
    neverVerified: Number(row.packs) - Number(row.verified),
    ...(row.oldest !== null && { oldestVerifiedAt: Number(row.oldest) }),
    damagedPacks: Number(row.damaged),
  };
};

/** Bytes of packs that were last verified before then; of those never verified, that were written before then. */
export const bytesUnverifiedSince = async (db: Queries, vaultId: string, time: number): Promise<number> => {
  const row = await db
    .selectFrom('packs')
    .select((e) => e.fn.sum<number | null>('size_bytes').as('size'))
    .where('vault_id', '=', vaultId)
    .where('state', 'in', HELD)
    .where((e) => e(e.fn.coalesce('verified_at', 'created_at'), '<', time))
    .executeTakeFirstOrThrow();
  return Number(row.size ?? 0);
};

/** Bytes of packs that were written since then and never verified. */
export const newBytesSince = async (db: Queries, vaultId: string, time: number): Promise<number> => {
  const row = await db
    .selectFrom('packs')
    .select((e) => e.fn.sum<number | null>('size_bytes').as('size'))
    .where('vault_id', '=', vaultId)
    .where('state', 'in', HELD)
    .where('verified_at', 'is', null)
    .where('created_at', '>=', time)
    .executeTakeFirstOrThrow();
  return Number(row.size ?? 0);
};

const held = (db: Queries, vaultId: string) =>
  db.selectFrom('packs').select(COLUMNS).where('vault_id', '=', vaultId).where('state', 'in', HELD);

const fromRow = (row: {
  readonly pack_id: string;
  readonly name: string;
  readonly kind: string;
  readonly size_bytes: number;
  readonly verified_at: number | null;
  readonly damaged_at: number | null;
}): PackToVerify => ({
  packId: row.pack_id,
  name: row.name,
  kind: row.kind as PackToVerify['kind'],
  sizeBytes: row.size_bytes,
  verifiedAt: row.verified_at,
  damagedAt: row.damaged_at,
});
