import { type PendingCommit, pendingCommits, publishCommit } from '../db/commits.ts';
import { getJob } from '../db/jobs.ts';
import { getPoint, putPoint } from '../db/points.ts';
import { getSession } from '../db/sessions.ts';
import { getStoreState } from '../db/storeStates.ts';
import type { JobTools } from './context.ts';
import { disksWithRoots } from './disksWithRoots.ts';
import { assertStoreAgrees } from './storeAgreement.ts';
import type { OpenVault } from './vaultStores.ts';

/**
 * Completes commits that were decided by jobs that ended before they could put or publish them. A job that still
 * runs, or will run again, completes its own.
 */
export async function recoverCommits(tools: Pick<JobTools, 'db' | 'clock' | 'stores' | 'log'>): Promise<void> {
  for (const commit of await pendingCommits(tools.db.queries)) {
    const session = await getSession(tools.db.queries, commit.sessionId);
    const job = session && (await getJob(tools.db.queries, session.jobId));
    if (job && job.endTime === undefined) continue;
    // of an old database nobody knows whether the point was let go meanwhile: the reconciliation finds out
    if ((await getStoreState(tools.db.queries, commit.vaultId)).reconcile) continue;
    await recover(tools, commit).catch((error: unknown) =>
      tools.log.error(
        { err: error, commit: commit.name },
        'a decided commit could not be completed; it is tried again',
      ),
    );
  }
}

async function recover(tools: Pick<JobTools, 'db' | 'clock' | 'stores' | 'log'>, commit: PendingCommit): Promise<void> {
  await completeCommit(tools, await assertStoreAgrees(tools, commit.vaultId), commit);
}

/** Puts a decided commit's object, if it is not there, and publishes it. Safe to repeat. */
export async function completeCommit(
  { db, clock, log }: Pick<JobTools, 'db' | 'clock' | 'log'>,
  { store }: Pick<OpenVault, 'store'>,
  commit: PendingCommit,
): Promise<void> {
  await store.putCommit(commit.name, commit.bytes);
  const body = await store.openCommit(commit.name);
  await db.transaction(async (tx) => {
    const now = clock.now();
    await publishCommit(tx, commit.vaultId, commit.cseq, now);
    const point = await getPoint(tx, commit.itemId, commit.pointId);
    if (!point) return;
    const disks = disksWithRoots(point, body);
    await putPoint(tx, { ...point, disks, vaulted: { commitName: commit.name, cseq: commit.cseq, storedAt: now } });
  });
  log.warn({ commit: commit.name }, 'a commit that a dead server had decided was completed');
}
