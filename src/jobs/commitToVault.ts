import { commitPoint, type PendingCommit, pendingCommits, publishCommit } from '../db/commits.ts';
import { updateJob } from '../db/jobs.ts';
import { allPoints, getPoint, putPoint } from '../db/points.ts';
import { CodedError, isCoded } from '../lib/error.ts';
import { TRANSFER_DATA } from '../vault/job.ts';
import type { JsonValue } from '../vault/json.ts';
import type { RecoveryPoint } from '../vault/recoveryPoint.ts';
import { expiryByRules } from '../vault/retention.ts';
import type { BackupSubject } from './backupSubject.ts';
import { catalogueOf } from './commitCatalogue.ts';
import type { JobContext } from './context.ts';
import { disksWithRoots } from './disksWithRoots.ts';
import { gapsInWords } from './gapsInWords.ts';
import { lockAtCommit } from './locks/lockAtCommit.ts';
import type { PointTransfer, Transferred } from './pointTransfer.ts';
import { assertStoreAgrees } from './storeAgreement.ts';
import { changeSubTask, type SubTaskProgress } from './subTaskProgress.ts';
import type { OpenVault } from './vaultStores.ts';

/**
 * Steps 6 to 8 of docs/two-phase-backup.md: the decision in one transaction, the commit object, the publication.
 * Errors: JobLeaseLost, PackNotReferable, of the store's putCommit.
 */
export async function commitToVault(
  context: JobContext,
  { item, policy }: BackupSubject,
  transfer: PointTransfer,
): Promise<Transferred> {
  const { db, job, clock, signal } = context;
  const { vault, session, progress } = transfer.subject;
  const point: RecoveryPoint = {
    ...transfer.subject.point,
    disks: transfer.disks.map(({ disk, root }) => ({ ...disk, root: root as unknown as JsonValue })),
  };
  // long after the session began, another server may have taken the store over
  await assertStoreAgrees(context, vault.store.vaultId);
  signal.throwIfAborted();
  const now = clock.now();
  const others = await allPoints(db.queries, item.id, { vaultedOnly: true });
  const expiresAt = expiryByRules(point, others, policy);
  const commit = await commitPoint(db.queries, {
    sessionId: session.id,
    jobId: job.id,
    epoch: job.epoch,
    itemId: item.id,
    pointId: point.id,
    now,
    referencedPacks: [...transfer.dedupedPacks],
    seal: ({ cseq, previous }) =>
      vault.store.sealCommit({
        formatVersion: 1,
        vaultId: vault.store.vaultId,
        pointId: point.id,
        itemId: item.id,
        cseq,
        takenAt: point.takenAt,
        createdAt: now,
        consistency: point.consistency,
        expiresAt: expiresAt ?? null,
        lockUntil: (vault.store.backend.lock && expiresAt) ?? null,
        previous,
        machine: point.machine,
        disks: transfer.disks.map(({ disk: { lun, name, diskId }, root }) => ({ lun, name, diskId, root })),
        catalogue: catalogueOf(point),
      }),
  });
  const { readBytes, storedBytes, notes } = transfer;
  await putDecided(vault, commit);
  const warning = gapsInWords(vault, [...transfer.gaps, ...((await vault.store.backend.gaps?.()) ?? [])]);
  const stored = `read ${mebibytes(readBytes)}, stored ${mebibytes(storedBytes)} of new data`;
  const note = [stored, ...notes, ...(warning === undefined ? [] : [warning])].join('; ');
  const locking = { vault, point, base: transfer.subject.base, commitName: commit.name, expiresAt };
  const lockedUntil = await lockAtCommit(context, locking);
  await publish(context, commit, point, progress, { bytesDone: readBytes, bytesTotal: readBytes, note }, lockedUntil);
  return { readBytes, storedBytes, ...(warning === undefined ? {} : { warning }) };
}

/** Goes on with a point that an earlier run of this job decided and may not have put. */
export async function finishCommit(
  context: JobContext,
  subject: {
    readonly vault: OpenVault;
    readonly point: RecoveryPoint;
    readonly progress: SubTaskProgress;
    readonly sessionId: string;
  },
): Promise<Transferred> {
  const { vault, point, progress, sessionId } = subject;
  const commit = (await pendingCommits(context.db.queries, point.vaultId)).find((one) => one.sessionId === sessionId);
  if (!commit)
    throw new CodedError('BackUpOperationFailed', `Session ${sessionId} is committing without a commit object.`);
  await putDecided(vault, commit);
  const body = await vault.store.openCommit(commit.name);
  const note = 'the commit was completed after the server had stopped in the middle of it';
  await publish(context, commit, { ...point, disks: disksWithRoots(point, body) }, progress, { note });
  return { readBytes: 0, storedBytes: 0 };
}

/** After the decision a failed put loses nothing: recoverCommits puts the same bytes again, also when the job has ended. */
async function putDecided({ store }: OpenVault, commit: PendingCommit): Promise<void> {
  try {
    await store.putCommit(commit.name, commit.bytes);
  } catch (error) {
    if (!isCoded(error)) throw error;
    const { code, message, target, recommendations, details } = error;
    const decided = 'The point itself is decided: its last object is put as soon as the store takes it.';
    throw new CodedError(code, `${message} ${decided}`, {
      cause: error,
      recommendations,
      details,
      ...(target !== undefined && { target }),
    });
  }
}

/** The commit object is in the store. */
async function publish(
  context: JobContext,
  commit: PendingCommit,
  point: RecoveryPoint,
  progress: SubTaskProgress,
  shown: { readonly bytesDone?: number; readonly bytesTotal?: number; readonly note: string },
  lockedUntil?: number,
): Promise<void> {
  const { db, job, clock } = context;
  await db.transaction(async (tx) => {
    const now = clock.now();
    const { cseq, name: commitName } = await publishCommit(tx, point.vaultId, commit.cseq, now);
    const current = (await getPoint(tx, point.itemId, point.id)) ?? point;
    const vaulted = { commitName, cseq, storedAt: now, ...(lockedUntil !== undefined && { lockedUntil }) };
    await putPoint(tx, { ...current, disks: point.disks, vaulted });
    await updateJob(tx, job.id, job.epoch, (shownJob) => ({
      subTasks: changeSubTask(shownJob, TRANSFER_DATA, (task) => progress.ended(task, 'Completed', shown)),
    }));
  });
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
