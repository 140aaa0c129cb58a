import { packsOfFolder } from '../../db/reconciliation.ts';
import { type CommitsAt, commitsAt, isPublished, publishedPage } from '../../db/replication.ts';
import { getStoreState } from '../../db/storeStates.ts';
import { isCoded } from '../../lib/error.ts';
import type { Backend } from '../../store/backend.ts';
import { PACK_FOLDERS } from '../../store/packListing.ts';
import { pointPacks } from '../../store/pointPacks.ts';
import { CommitNumbers } from './commitNumbers.ts';
import { eachOf } from './eachOf.ts';
import { goodBytesOf, lockAs, putGood, requireSame } from './goodBytes.ts';
import { removeLetGo, removeObject } from './removeLetGo.ts';
import { listingOf, OTHER_PREFIXES, type ReplicateRun } from './run.ts';

export interface Filled {
  /** Every commit published until then is there, with all it refers to; ms. */
  readonly lastSyncTime: number;
  /** Objects that should be there and are not: their source could not be read. */
  readonly missing: number;
}

interface Filling {
  readonly run: ReplicateRun;
  readonly secondary: Backend;
  /** Packs that could not be brought over, the first `MOST_LACKING` of them. */
  readonly lacking: Set<string>;
  missing: number;
}

/** Of this many missing packs each new point is looked at; beyond, no point is brought over. */
const MOST_LACKING = 10_000;
/** Checkpoints, copies of the database, claims: the newest count. */
const PASSING_PREFIXES = ['ck/', 'db/', 'own/'];

/**
 * Brings the secondary up to what the vault had when the run began, so that whatever the secondary lists can be
 * restored, whenever the run ends: commit objects of points that were let go leave first; then packs come, then keys,
 * then commit objects in their order, each when all it reaches is there; then packs leave that nothing reaches.
 */
export async function fillSecondary(run: ReplicateRun, secondary: Backend): Promise<Filled> {
  const { db, clock, signal } = run.context;
  const { vaultId } = run.vault.store;
  const filling: Filling = { run, secondary, lacking: new Set(), missing: 0 };
  const startedAt = clock.now();
  const { gcSeq } = await getStoreState(db.queries, vaultId);
  const until = await commitsAt(db.queries, vaultId);
  const listed = new CommitNumbers(until.lastCseq);
  const letGo = { db: db.queries, vaultId, secondary, signal };
  const { areGone, removed } = await removeLetGo(letGo, (name) => listed.add(name));
  run.tally.removed += removed;
  for (const folder of PACK_FOLDERS) await fillFolder(filling, folder, areGone ? gcSeq : undefined);
  for (const prefix of OTHER_PREFIXES) await mirror(filling, prefix);
  const firstMissing = await putCommits(filling, until, listed);
  const lastSyncTime = firstMissing === undefined ? startedAt : firstMissing - 1;
  return { lastSyncTime, missing: filling.missing };
}

async function fillFolder(filling: Filling, folder: string, gcSeq: number | undefined): Promise<void> {
  const { run, secondary } = filling;
  const { db, signal } = run.context;
  const { vaultId } = run.vault.store;
  const there = await listingOf(secondary, `p/${folder}/`);
  const rows = await packsOfFolder(db.queries, vaultId, folder);
  const wanted = [...rows.values()].filter(({ name, state }) => isHeld(state) && !there.has(name));
  await eachOf(wanted, async ({ packId, name }) => {
    signal.throwIfAborted();
    const bytes = await goodBytesOf(run.vault.store.backend, name);
    if (!bytes) return void (await noteLacking(filling, folder, packId, name));
    await putGood(secondary, name, bytes, signal);
    await lockAs(run.vault.store.backend, secondary, name);
    run.tally.copied++;
    run.tally.copiedBytes += bytes.length;
  });
  // a deletion decided since the commits were removed may concern packs of a commit that is still listed
  if (gcSeq === undefined || (await getStoreState(db.queries, vaultId)).gcSeq !== gcSeq) return;
  const gone = [...there.keys()].filter((name) => rows.get(name.slice(5, 37))?.state === 'gone');
  await eachOf(gone, async (name) => void (await remove(run, secondary, name)));
}

const isHeld = (state: string): boolean => state !== 'gone' && state !== 'deleting';

/** A pack that was renamed or let go meanwhile is missed by nobody: its row says so. */
async function noteLacking(filling: Filling, folder: string, packId: string, name: string): Promise<void> {
  const { run, lacking } = filling;
  const row = (await packsOfFolder(run.context.db.queries, run.vault.store.vaultId, folder)).get(packId);
  if (!row || !isHeld(row.state)) return;
  filling.missing++;
  if (lacking.size <= MOST_LACKING) lacking.add(packId);
  if (row.name === name) run.tally.lost++;
}

/** What the vault has, keys before `fmt`, which makes the store exist; of what comes and goes no more than that. */
async function mirror({ run, secondary }: Filling, prefix: string): Promise<void> {
  const { backend } = run.vault.store;
  const [wanted, there] = [await listingOf(backend, prefix), await listingOf(secondary, prefix)];
  for (const name of wanted.keys()) {
    run.context.signal.throwIfAborted();
    if (there.has(name)) continue;
    const bytes = await goodBytesOf(backend, name);
    if (!bytes) continue; // taken away meanwhile, as old copies of the database are
    await putGood(secondary, name, bytes, run.context.signal);
    await lockAs(backend, secondary, name);
    run.tally.copied++;
  }
  // a vault that has none of them has lost its place: that is no reason to lose the copy as well
  if (!PASSING_PREFIXES.includes(prefix) || wanted.size === 0) return;
  for (const name of there.keys()) if (!wanted.has(name)) await remove(run, secondary, name);
}

/** When the first commit that is missing now was made; undefined: none is. */
async function putCommits(filling: Filling, until: CommitsAt, listed: CommitNumbers): Promise<number | undefined> {
  const { run, secondary } = filling;
  const { db, signal } = run.context;
  const { vaultId, backend } = run.vault.store;
  let firstMissing: number | undefined;
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page: Awaited<ReturnType<typeof publishedPage>> = await publishedPage(db.queries, vaultId, until, after);
    for (const { cseq, name, createdAt } of page.commits) {
      signal.throwIfAborted();
      if (listed.has(name) || (await secondary.head(name))) continue;
      const bytes = (await isComplete(filling, name)) ? await goodBytesOf(backend, name) : undefined;
      if (!(await isPublished(db.queries, vaultId, cseq))) continue;
      if (!bytes) firstMissing ??= createdAt;
      else if (await putCommit(filling, { cseq, name, bytes })) run.tally.copied++;
    }
    after = page.next;
  }
  return firstMissing;
}

/**
 * False: it was let go meanwhile, and must not stay, for its packs may not. That is asked before anything else is done
 * with it; who lets a commit go looks here once more behind that (letCommitGo.ts).
 */
async function putCommit(
  { run, secondary }: Filling,
  { cseq, name, bytes }: { readonly cseq: number; readonly name: string; readonly bytes: Uint8Array },
): Promise<boolean> {
  const { backend, vaultId } = run.vault.store;
  await secondary.put(name, bytes, run.context.signal);
  if (!(await isPublished(run.context.db.queries, vaultId, cseq))) {
    await remove(run, secondary, name);
    return false;
  }
  await requireSame(secondary, name, bytes);
  await lockAs(backend, secondary, name);
  return true;
}

/** Whether the secondary has every pack that the point reaches. */
async function isComplete({ run, lacking }: Filling, commitName: string): Promise<boolean> {
  if (lacking.size === 0) return true;
  if (lacking.size > MOST_LACKING) return false;
  const { store } = run.vault;
  try {
    const { disks } = await store.openCommit(commitName);
    const options = { backend: store.backend, keys: store.structKeys, signal: run.context.signal };
    for (const { root } of disks)
      for await (const pack of pointPacks(options, root)) if (lacking.has(pack)) return false;
    return true;
  } catch (error) {
    // a tree that cannot be read here cannot be read there
    if (isCoded(error, 'StoreDataDamaged') || isCoded(error, 'StoreObjectMissing')) return false;
    throw error;
  }
}

/** False: the storage keeps it. */
async function remove(run: ReplicateRun, secondary: Backend, name: string): Promise<boolean> {
  const isGone = await removeObject(secondary, name);
  if (isGone) run.tally.removed++;
  return isGone;
}
