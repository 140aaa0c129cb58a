import { getItem, updateItem } from '../db/items.ts';
import { isCoded } from '../lib/error.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import { afterBackup } from '../vault/protection.ts';
import type { RecoveryPoint } from '../vault/recoveryPoint.ts';
import { type BackupSubject, readBackupSubject } from './backupSubject.ts';
import type { JobContext } from './context.ts';
import type { Transferred } from './pointTransfer.ts';
import { pruneItem } from './prune.ts';
import type { JobOutcome } from './runner.ts';
import { takeSnapshot } from './takeSnapshot.ts';
import { transferToVault } from './transferToVault.ts';

/**
 * One backup: a snapshot kept on the host, then what changed into the vault. The order of its writes and what each
 * failure leaves is in docs/two-phase-backup.md.
 */
export async function runBackup(context: JobContext): Promise<JobOutcome> {
  const subject = await readBackupSubject(context);
  try {
    const point = await takeSnapshot(context, subject);
    const transferred = await transferToVault(context, subject, point);
    await remember(context, subject.item, 'Completed');
    await pruneItem(context, subject.item.id);
    return { status: 'Completed', propertyBag: describe(subject, point, transferred) };
  } catch (error) {
    await remember(context, subject.item, 'Failed', error);
    throw error;
  }
}

/** The item shows how its last backup went; one that was deleted meanwhile, or a run that lost its lease, shows nothing. */
async function remember(
  { db, clock, job, signal }: JobContext,
  { id }: ProtectedItem,
  status: 'Completed' | 'Failed',
  error?: unknown,
): Promise<void> {
  if (signal.aborted) return;
  await db.transaction(async (tx) => {
    const item = await getItem(tx, id);
    if (!item) return;
    const reason = isCoded(error) ? { errorCode: error.code, errorMessage: error.message } : {};
    await updateItem(tx, afterBackup(item, { status, time: job.startTime, ...reason }, clock.now()));
  });
}

function describe(
  { item }: BackupSubject,
  point: RecoveryPoint,
  transferred: Transferred | undefined,
): Record<string, string> {
  const names = (disks: RecoveryPoint['disks']) => disks.map((disk) => disk.name).join(', ');
  return {
    'VM Name': item.vmName,
    'Recovery Point Id': point.id,
    'Recovery Point Consistency': point.consistencyReason
      ? `${point.consistency}: ${point.consistencyReason}`
      : point.consistency,
    'Backed-up disk(s)': names(point.disks),
    'Excluded disk(s)': names(point.excludedDisks),
    ...(transferred
      ? {
          'Backup Size': `${Math.ceil(transferred.readBytes / 2 ** 20)} MB`,
          'Stored Size': `${Math.ceil(transferred.storedBytes / 2 ** 20)} MB`,
        }
      : {}),
  };
}
