import type { RecoveryPoint } from '../vault/recoveryPoint.ts';
import { type Commit, lastCseq } from './commits.ts';
import { chunksOf, type Pack, type PackState } from './packs.ts';
import type { Queries, Schema } from './schema.ts';

/** A pack as the store's listing and its own directory tell of it. */
export type FoundPack = Pick<Pack, 'packId' | 'name' | 'kind' | 'sizeBytes' | 'slots'> & { readonly records: number };

/** Of these names of commit objects, those that no commit of the vault has. */
export const unknownCommitNames = async (
  db: Queries,
  vaultId: string,
  names: readonly string[],
): Promise<readonly string[]> => {
  const unknown: string[] = [];
  for (const some of chunksOf(names, 500)) {
    const rows = await db
      .selectFrom('commits')
      .select('name')
      .where('vault_id', '=', vaultId)
      .where('name', 'in', some)
      .execute();
    const known = new Set(rows.map(({ name }) => name));
    unknown.push(...some.filter((name) => !known.has(name)));
  }
  return unknown;
};

/** Of these names of commit objects, those whose commit was let go. */
export const deletedCommitNames = async (
  db: Queries,
  vaultId: string,
  names: readonly string[],
): Promise<readonly string[]> => {
  const deleted: string[] = [];
  for (const some of chunksOf(names, 500)) {
    const rows = await db
      .selectFrom('commits')
      .select('name')
      .where('vault_id', '=', vaultId)
      .where('state', '=', 'deleted')
      .where('name', 'in', some)
      .execute();
    deleted.push(...rows.map(({ name }) => name));
  }
  return deleted;
};

/**
 * Takes over a commit that the store has and the database does not know: published, under its own number, or the
 * next free one when that is another commit's. The number it has.
 */
export const adoptCommit = async (
  tx: Queries,
  commit: Pick<Commit, 'vaultId' | 'cseq' | 'itemId' | 'pointId' | 'name' | 'sha256' | 'createdAt'>,
): Promise<number> => {
  const taken = await tx
    .selectFrom('commits')
    .select(['name', 'cseq'])
    .where('vault_id', '=', commit.vaultId)
    .where((e) => e.or([e('cseq', '=', commit.cseq), e('name', '=', commit.name)]))
    .execute();
  const same = taken.find(({ name }) => name === commit.name);
  if (same) return same.cseq;
  const cseq = taken.length === 0 ? commit.cseq : (await lastCseq(tx, commit.vaultId)) + 1;
  const row = {
    vault_id: commit.vaultId,
    cseq,
    session_id: crypto.randomUUID(),
    item_id: commit.itemId,
    point_id: commit.pointId,
    name: commit.name,
    sha256: commit.sha256,
    bytes: null,
    state: 'published',
    created_at: commit.createdAt,
  };
  await tx.insertInto('commits').values(row).execute();
  return cseq;
};

/** Items that have commits which were not let go. */
export const itemsWithCommits = async (db: Queries, vaultId: string): Promise<readonly string[]> => {
  const rows = await db
    .selectFrom('commits')
    .select('item_id')
    .distinct()
    .where('vault_id', '=', vaultId)
    .where('state', '!=', 'deleted')
    .orderBy('item_id')
    .execute();
  return rows.map(({ item_id }) => item_id);
};

/** Published commits of an item, by number. */
export const publishedCommits = async (
  db: Queries,
  vaultId: string,
  itemId: string,
): Promise<readonly Pick<Commit, 'cseq' | 'name' | 'pointId'>[]> => {
  const rows = await db
    .selectFrom('commits')
    .select(['cseq', 'name', 'point_id'])
    .where('vault_id', '=', vaultId)
    .where('item_id', '=', itemId)
    .where('state', '=', 'published')
    .orderBy('cseq')
    .execute();
  return rows.map(({ cseq, name, point_id }) => ({ cseq, name, pointId: point_id }));
};

/** As if it had never been: should its object come back, it is unknown and adopted anew. */
export const forgetCommit = async (tx: Queries, vaultId: string, cseq: number): Promise<void> => {
  await tx.deleteFrom('commits').where('vault_id', '=', vaultId).where('cseq', '=', cseq).execute();
};

/** All packs of one of the store's 256 folders, whatever their state. */
export const packsOfFolder = async (
  db: Queries,
  vaultId: string,
  folder: string,
): Promise<ReadonlyMap<string, Pick<Pack, 'packId' | 'name' | 'state'>>> => {
  const rows = await db
    .selectFrom('packs')
    .select(['pack_id', 'name', 'state'])
    .where('vault_id', '=', vaultId)
    .where('pack_id', '>=', folder)
    .where('pack_id', '<', `${folder}g`) // the letter after the last hex digit
    .execute();
  return new Map(
    rows.map(({ pack_id, name, state }) => [pack_id, { packId: pack_id, name, state: state as PackState }]),
  );
};

/** Makes the rows, or has known ones name what the store has; they are live, and nothing condemns them any more. */
export const adoptPacks = async (
  tx: Queries,
  vaultId: string,
  packs: readonly FoundPack[],
  from: { readonly sessionId: string; readonly now: number },
): Promise<void> => {
  for (const pack of packs) {
    const { name, kind, sizeBytes: size_bytes, slots, records } = pack;
    const found = { name, kind, size_bytes, slots, records, state: 'live' };
    const row = {
      vault_id: vaultId,
      pack_id: pack.packId,
      ...found,
      session_id: from.sessionId,
      created_at: from.now,
    };
    await tx
      .insertInto('packs')
      .values(row)
      .onConflict((conflict) =>
        conflict
          .columns(['vault_id', 'pack_id'])
          .doUpdateSet({ ...found, ...UNCONDEMNED, verified_at: null, damaged_at: null }),
      )
      .execute();
  }
};

/** What an old database had condemned may be needed by points that it does not know: each starts anew. */
export const takeBackCondemnations = async (tx: Queries, vaultId: string): Promise<void> => {
  await tx
    .updateTable('packs')
    .set({ state: 'live', ...UNCONDEMNED })
    .where('vault_id', '=', vaultId)
    .where('state', 'in', ['condemned', 'compacting'])
    .execute();
};

const UNCONDEMNED: Pick<Schema['packs'], 'condemned_for' | 'condemned_at' | 'condemned_epoch'> = {
  condemned_for: null,
  condemned_at: null,
  condemned_epoch: null,
};

/** Old generations of packs: nobody reads them, they go when their time is over. */
export const toTrash = async (
  tx: Queries,
  vaultId: string,
  names: readonly string[],
  notBefore: number,
): Promise<void> => {
  for (const name of names) {
    await tx
      .insertInto('trash')
      .values({ vault_id: vaultId, name, not_before: notBefore })
      .onConflict((conflict) => conflict.columns(['vault_id', 'name']).doNothing())
      .execute();
  }
};

/** The session of packs that were found: it has ended, so that what no point needs is collected. */
export const recordEndedSession = async (
  tx: Queries,
  session: { readonly id: string; readonly vaultId: string; readonly jobId: string; readonly now: number },
): Promise<void> => {
  const { id, vaultId, jobId, now } = session;
  const times = { started_at: now, ended_at: now, start_epoch: 0, base_roots: null };
  await tx
    .insertInto('sessions')
    .values({ id, vault_id: vaultId, job_id: jobId, epoch: 0, state: 'aborted', ...times })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
};

/** Shuts out all who still write: none of their points will be decided. */
export const abortOpenSessions = async (tx: Queries, vaultId: string, now: number): Promise<number> => {
  const result = await tx
    .updateTable('sessions')
    .set({ state: 'aborted', ended_at: now })
    .where('vault_id', '=', vaultId)
    .where('state', '=', 'open')
    .executeTakeFirst();
  return Number(result.numUpdatedRows);
};

/** A decided commit that never reached the store and never can: its session ends without a point. */
export const giveUpCommit = async (
  tx: Queries,
  commit: Pick<Commit, 'vaultId' | 'cseq' | 'sessionId'>,
  now: number,
): Promise<void> => {
  await tx
    .updateTable('commits')
    .set({ state: 'deleted', bytes: null })
    .where('vault_id', '=', commit.vaultId)
    .where('cseq', '=', commit.cseq)
    .execute();
  await tx
    .updateTable('sessions')
    .set({ state: 'aborted', ended_at: now })
    .where('id', '=', commit.sessionId)
    .execute();
};

/** Of these packs, those that no longer stand for objects in the store. */
export const packsNotHeld = async (
  db: Queries,
  vaultId: string,
  packIds: readonly string[],
): Promise<readonly string[]> => {
  const lost: string[] = [];
  for (const some of chunksOf(packIds, 500)) {
    const rows = await db
      .selectFrom('packs')
      .select('pack_id')
      .where('vault_id', '=', vaultId)
      .where('state', 'in', ['live', 'condemned', 'compacting'])
      .where('damaged_at', 'is', null)
      .where('pack_id', 'in', some)
      .execute();
    const held = new Set(rows.map(({ pack_id }) => pack_id));
    lost.push(...some.filter((packId) => !held.has(packId)));
  }
  return lost;
};

/** Published commits with the time until which their points are kept, by number: what a checkpoint lists. */
export const listedCommits = async (
  db: Queries,
  vaultId: string,
): Promise<readonly { readonly name: string; readonly expiresAt: number | null; readonly lockUntil: null }[]> => {
  const listed: { name: string; expiresAt: number | null; lockUntil: null }[] = [];
  for (let after = 0; ; ) {
    const rows = await db
      .selectFrom('commits')
      .leftJoin('points', (join) =>
        join.onRef('points.item_id', '=', 'commits.item_id').onRef('points.id', '=', 'commits.point_id'),
      )
      .select(['commits.name', 'commits.cseq', 'points.body'])
      .where('commits.vault_id', '=', vaultId)
      .where('commits.state', '=', 'published')
      .where('commits.cseq', '>', after)
      .orderBy('commits.cseq')
      .limit(1000)
      .execute();
    for (const { name, body } of rows) {
      const vaulted = body === null ? undefined : (JSON.parse(body) as RecoveryPoint).vaulted;
      if (vaulted?.deletedAt !== undefined) continue; // being let go
      listed.push({ name, expiresAt: vaulted?.expiresAt ?? null, lockUntil: null });
    }
    const last = rows.at(-1);
    if (!last) return listed;
    after = last.cseq;
  }
};
