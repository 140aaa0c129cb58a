import { markCommitDeleted } from '../db/commits.ts';
import { isCoded } from '../lib/error.ts';
import { isRefusedDeletion } from '../store/refusedDeletion.ts';
import type { JobTools } from './context.ts';
import type { OpenVault } from './vaultStores.ts';

/**
 * Takes a point out of the store: its commit object goes on every copy, the secondary first, and only then the commit
 * stops being a root (R6 in docs/vault-store.md). False: the storage holds the object still; try again later.
 * Errors: StoreIoFailed.
 */
export async function letCommitGo(
  { db, log }: Pick<JobTools, 'db' | 'log'>,
  { store, reaper, secondary }: Pick<OpenVault, 'store' | 'reaper' | 'secondary'>,
  commit: { readonly commitName: string; readonly cseq: number },
): Promise<boolean> {
  try {
    await secondary?.delete(commit.commitName);
    await reaper.delete(commit.commitName);
  } catch (error) {
    // a place without a reaper lets nobody delete: no reason to fail what else is done
    if (!isRefusedDeletion(error)) throw error;
    log.info({ commit: commit.commitName, reason: error.message }, 'an expired point waits, for the storage holds it');
    return false;
  }
  await markCommitDeleted(db.queries, store.vaultId, commit.cseq);
  await deleteLate({ log }, secondary, commit.commitName);
  return true;
}

/**
 * A replication that found the commit published until now may have put it there since; one that asks from now on takes
 * its copy back by itself. Until it is gone there nothing is dropped that it needs (collect/drop.ts), so a failure waits.
 */
async function deleteLate(
  { log }: Pick<JobTools, 'log'>,
  secondary: OpenVault['secondary'],
  commit: string,
): Promise<void> {
  try {
    await secondary?.delete(commit);
  } catch (error) {
    if (!isCoded(error)) throw error;
    log.info({ commit, reason: error.message }, 'a point that was let go may still be on the secondary');
  }
}
