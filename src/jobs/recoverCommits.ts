import { type PendingCommit, pendingCommits, publishCommit } from '../db/commits.ts';
import { getJob } from '../db/jobs.ts';
import { getPoint, putPoint } from '../db/points.ts';
import { getSession } from '../db/sessions.ts';
import type { JobTools } from './context.ts';
import { disksWithRoots } from './disksWithRoots.ts';

/**
 * Completes commits that were decided by jobs that ended before they could put or publish them. A job that still
 * runs, or will run again, completes its own.
 */
export async function recoverCommits(tools: Pick<JobTools, 'db' | 'clock' | 'stores' | 'log'>): Promise<void> {
  for (const commit of await pendingCommits(tools.db.queries)) {
    const session = await getSession(tools.db.queries, commit.sessionId);
    const job = session && (await getJob(tools.db.queries, session.jobId));
    if (job && job.endTime === undefined) continue;
    await complete(tools, commit).catch((error: unknown) =>
      tools.log.error(
        { err: error, commit: commit.name },
        'a decided commit could not be completed; it is tried again',
      ),
    );
  }
}

async function complete(
  { db, clock, stores, log }: Pick<JobTools, 'db' | 'clock' | 'stores' | 'log'>,
  commit: PendingCommit,
): Promise<void> {
  const { store } = await stores.open(commit.vaultId);
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
