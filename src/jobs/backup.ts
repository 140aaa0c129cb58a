import { getItem, updateItem } from '../db/items.ts';
import { getPoint } from '../db/points.ts';
import { isoTime } from '../lib/clock.ts';
import { CodedError, type ErrorCode, isCoded } from '../lib/error.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import { afterBackup } from '../vault/protection.ts';
import type { RecoveryPoint } from '../vault/recoveryPoint.ts';
import { nextAttemptAt } from '../vault/retryRules.ts';
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
    const pruned = await prune(context, subject.item);
    const warnings = [point.scriptsFailure, transferred?.warning, pruned].filter((one) => one !== undefined);
    const propertyBag = { ...describe(subject, point, transferred), ...(await expiry(context, point)) };
    if (warnings.length === 0) return { status: 'Completed', propertyBag };
    return { status: 'CompletedWithWarnings', propertyBag: { ...propertyBag, Warnings: warnings.join('; ') } };
  } catch (error) {
    if (!isTriedAgain(context, error)) await remember(context, subject.item, 'Failed', error);
    throw error;
  }
}

/** A failure that the job's next attempt may make good is not the item's yet. */
const isTriedAgain = ({ job, clock }: JobContext, error: unknown): boolean =>
  isCoded(error) && nextAttemptAt(job, error, { now: clock.now(), random: 0 }) !== undefined;

/** Until when the point is kept, as its rules have just decided; nothing while no end is known. */
async function expiry({ db }: JobContext, { itemId, id }: RecoveryPoint): Promise<Record<string, string>> {
  const point = await getPoint(db.queries, itemId, id);
  const at =
    point?.vaulted?.expiresAt ?? point?.vaulted?.ruledUntil ?? point?.retainUntil ?? point?.snapshot?.expiresAt;
  return at === undefined ? {} : { 'Recovery Point Expiry Time in UTC': isoTime(at) };
}

/** What is stored is stored, also when a place does not let go of old points today: the words of a warning. */
async function prune(context: JobContext, { id }: ProtectedItem): Promise<string | undefined> {
  try {
    return await pruneItem(context, id);
  } catch (error) {
    if (!(error instanceof CodedError) || !STORAGE_TROUBLE.has(error.code)) throw error;
    return `expired points could not be let go, the next backup tries again (${error.message})`;
  }
}

const STORAGE_TROUBLE: ReadonlySet<ErrorCode> = new Set(['StoreIoFailed', 'StoreQuorumMissing', 'StoreObjectLocked']);

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
