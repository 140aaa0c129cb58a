import { lastCseq } from '../../db/commits.ts';
import { listedCommits } from '../../db/reconciliation.ts';
import { changeStoreState, getStoreState } from '../../db/storeStates.ts';
import { checkpointNames, newestCheckpoint } from '../../store/checkpoints.ts';
import { isRefusedDeletion } from '../../store/refusedDeletion.ts';
import type { JobContext } from '../context.ts';
import type { OpenVault } from '../vaultStores.ts';

/** A month of days. */
const KEPT = 31;

/**
 * Puts a signed list of all commits that were not let go: one that vanishes from the store afterwards is missed,
 * even by who has no database. What was let go in between is told by the difference of two.
 */
export async function putCheckpoint(context: JobContext, { store, reaper }: OpenVault): Promise<void> {
  const { db, clock } = context;
  const { vaultId } = store;
  const before = await newestCheckpoint(store);
  const commits = await listedCommits(db.queries, vaultId);
  const { gcSeq } = await getStoreState(db.queries, vaultId);
  const at = clock.now();
  // never below an earlier one: of a database that was put back, the last number may be gone
  const last = Math.max(await lastCseq(db.queries, vaultId), before?.lastCseq ?? 0);
  const sealed = store.sealCheckpoint({
    ...{ formatVersion: 1, vaultId, at, lastCseq: last, lastGcSeq: gcSeq },
    commits,
  });
  await store.backend.put(sealed.name, sealed.bytes);
  await store.openCheckpoint(sealed.name);
  const checkpoint = { at, name: sealed.name, commits: commits.length };
  await db.transaction((tx) => changeStoreState(tx, vaultId, { checkpoint }));
  for (const { name } of (await checkpointNames(store)).slice(KEPT)) {
    if (name === sealed.name) continue;
    await reaper.delete(name).catch((error: unknown) => {
      if (!isRefusedDeletion(error)) throw error;
    });
  }
}
