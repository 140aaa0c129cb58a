import { tryStartTransfer } from '../db/jobs.ts';
import { allPoints, newestVaultedPoint } from '../db/points.ts';
import { beginSession, listSessions } from '../db/sessions.ts';
import { isCoded } from '../lib/error.ts';
import { DedupeIndex } from '../store/dedupeIndex.ts';
import { TRANSFER_DATA } from '../vault/job.ts';
import type { RecoveryPoint } from '../vault/recoveryPoint.ts';
import { goesToVault, occurrenceDay } from '../vault/schedule.ts';
import type { BackupSubject } from './backupSubject.ts';
import { commitToVault, finishCommit } from './commitToVault.ts';
import type { JobContext } from './context.ts';
import { PointTransfer, type Transferred } from './pointTransfer.ts';
import { assertStoreAgrees } from './storeAgreement.ts';
import { SubTaskProgress } from './subTaskProgress.ts';

/**
 * Phase two: what changed since the newest point in the vault goes into the store, and the point is committed.
 * Undefined when the phase was Skipped: the sub task says why. Reads the snapshot only.
 * Errors: of transferDisk, commitToVault and MachineHost.openDisk.
 */
export async function transferToVault(
  context: JobContext,
  subject: BackupSubject,
  point: RecoveryPoint,
): Promise<Transferred | undefined> {
  const { db, job, clock } = context;
  if (point.vaulted) return ALREADY_THERE;
  const progress = new SubTaskProgress(context, TRANSFER_DATA);
  const onlyLastOfDay = await staysOnHost(context, subject, point);
  if (onlyLastOfDay !== undefined) return void (await progress.end('Skipped', { note: onlyLastOfDay }));
  const started = await tryStartTransfer(db.queries, subject.item.id, job.id, job.epoch, clock.now());
  if (!started.started) {
    const note = `Job ${started.holderJobId} is still transferring an earlier point of this machine; the next transfer carries these changes too.`;
    return void (await progress.end('Skipped', { note }));
  }
  await progress.start();
  const vault = await assertStoreAgrees(context, subject.item.vaultId);
  const [decided] = await listSessions(db.queries, { jobId: job.id, state: 'committing' });
  if (decided) return finishCommit(context, { vault, point, progress, sessionId: decided.id });
  const { base, session } = await db.transaction(async (tx) => {
    const newest = await newestVaultedPoint(tx, subject.item.id);
    const baseRoots = newest?.disks.flatMap(({ root }) => (root === undefined ? [] : [root])) ?? [];
    const request = { vaultId: subject.item.vaultId, jobId: job.id, epoch: job.epoch, now: clock.now(), baseRoots };
    return { base: newest, session: await beginSession(tx, request) };
  });
  const transfer = new PointTransfer(context, { item: subject.item, point, base, vault, session, progress });
  return transferAndCommit(context, subject, transfer).catch((error: unknown) => {
    // what this run's puts have missed is no warning for the next one
    void vault.store.backend.gaps?.();
    throw error;
  });
}

/** An earlier run of this job published the point and died before its end was recorded. */
const ALREADY_THERE: Transferred = { readBytes: 0, storedBytes: 0 };

async function transferAndCommit(
  context: JobContext,
  subject: BackupSubject,
  transfer: PointTransfer,
): Promise<Transferred> {
  const { point, vault, progress } = transfer.subject;
  for (const disk of point.disks) await transfer.disk(disk);
  await transfer.recorded();
  await progress.settle();
  try {
    return await commitToVault(context, subject, transfer);
  } catch (error) {
    if (isCoded(error, 'PackNotReferable')) {
      using index = new DedupeIndex(vault.dedupePath);
      index.forget(error.details.flatMap(({ target }) => target ?? []));
    }
    throw error;
  }
}

/** Why this point does not go to the vault: of an hourly policy only the day's last one does. */
async function staysOnHost(
  { db }: JobContext,
  { item, policy, parameters: { occurrence } }: BackupSubject,
  point: RecoveryPoint,
): Promise<string | undefined> {
  if (!occurrence || policy?.schedule.frequency !== 'Hourly') return undefined;
  const newest = (await allPoints(db.queries, item.id, { vaultedOnly: true })).find(
    ({ occurrenceKey }) => occurrenceKey,
  );
  if (goesToVault(policy, occurrence, newest?.occurrenceKey && occurrenceDay(newest.occurrenceKey))) return undefined;
  return `Point ${point.id} stays on the host: of an hourly policy, the last backup of the day goes to the vault.`;
}
