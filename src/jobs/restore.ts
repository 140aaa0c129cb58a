import { getItem } from '../db/items.ts';
import { getPoint } from '../db/points.ts';
import { CodedError } from '../lib/error.ts';
import type { DiskTarget, MachineRef } from '../machine/machine.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import { hasSnapshot, isVaulted, type PointDisk, type RecoveryPoint } from '../vault/recoveryPoint.ts';
import type { JobContext } from './context.ts';
import { copySnapshotDisk } from './copySnapshotDisk.ts';
import { restoreDestination } from './restoreDestination.ts';
import type { RestoreDestination } from './restoredDisk.ts';
import { restoreFromVault } from './restoreFromVault.ts';
import { type RestoreTarget, TRANSFER_FROM_VAULT } from './restoreTarget.ts';
import type { JobOutcome } from './runner.ts';
import { SubTaskProgress } from './subTaskProgress.ts';

interface RestoreSubject {
  readonly item: ProtectedItem;
  readonly point: RecoveryPoint;
  readonly target: RestoreTarget;
  readonly disks: readonly PointDisk[];
}

/**
 * Writes a point's disks to a folder or to a new machine. Disks become usable only when all of them are whole and
 * durable; whatever else was written is deleted. Reads the vault when the point is there, its snapshot otherwise.
 */
export async function runRestore(context: JobContext): Promise<JobOutcome> {
  const subject = await readSubject(context);
  const { item, point, target, disks } = subject;
  const destination = await restoreDestination(context, item, point, target);
  const progress = new SubTaskProgress(context, TRANSFER_FROM_VAULT);
  await progress.start();
  await using written = new AsyncDisposableStack();
  const total = disks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let before = 0;
  const done: { readonly disk: PointDisk; readonly file: DiskTarget }[] = [];
  for (const disk of disks) {
    const file = written.use(await destination.createDisk(disk));
    await restoreOne(context, { ...subject, destination }, disk, file.path, (bytes) =>
      progress.report(before + bytes, total),
    );
    before += disk.sizeBytes;
    done.push({ disk, file });
  }
  for (const { file } of done) await file.commit();
  await progress.end('Completed', { bytesDone: total, bytesTotal: total });
  const told = await finish(context, destination, done);
  return { status: 'Completed', propertyBag: { 'VM Name': item.vmName, 'Recovery Point Id': point.id, ...told } };
}

async function readSubject({ db, job }: JobContext): Promise<RestoreSubject> {
  const { pointId, target } = job.parameters as unknown as { pointId: string; target: RestoreTarget };
  const item = job.itemId === undefined ? undefined : await getItem(db.queries, job.itemId);
  const point = item && (await getPoint(db.queries, item.id, pointId));
  if (!item || !point || !(isVaulted(point) || hasSnapshot(point)))
    throw new CodedError(
      'RestoreOperationFailed',
      `Recovery point ${pointId} is no longer there: it expired or was deleted.`,
      {
        target: pointId,
        recommendations: ['List the recovery points and choose another.'],
      },
    );
  const disks = point.disks.filter(({ lun }) => target.luns?.includes(lun) ?? true);
  if (disks.length === 0) {
    const legal = point.disks.map(({ lun }) => lun).join(', ');
    throw new CodedError('RestoreTargetInvalid', `restoreDiskLunList names no disk of this point; legal: ${legal}.`, {
      target: 'restoreDiskLunList',
    });
  }
  return { item, point, target, disks };
}

async function restoreOne(
  context: JobContext,
  subject: RestoreSubject & { readonly destination: RestoreDestination },
  disk: PointDisk,
  targetPath: string,
  onBytes: (bytesDone: number) => void,
): Promise<void> {
  const { point, target, destination } = subject;
  const usesSnapshot = hasSnapshot(point) && destination.prefersSnapshot === true && target.fromSecondary !== true;
  if (isVaulted(point) && !(usesSnapshot && (await snapshotIsThere(context, subject))))
    return restoreFromVault(context, { point, disk, targetPath }, onBytes);
  const { signal } = context;
  await using snapshot = await openSnapshotDisk(context, subject, disk.lun);
  await copySnapshotDisk(snapshot, targetPath, { signal, onBytes });
}

/** It may be gone from the host, whatever the catalogue says; the vault has the same bytes. */
async function snapshotIsThere({ hosts }: JobContext, { item, point }: RestoreSubject): Promise<boolean> {
  const ref: MachineRef = { resourceGroup: item.resourceGroup, name: item.vmName };
  return (await hosts.get(item.host).snapshots(ref)).some(({ id }) => id === point.snapshot?.snapshotId);
}

/** Errors: UserErrorInstantRpNotFound. */
const openSnapshotDisk = ({ hosts, signal }: JobContext, { item, point }: RestoreSubject, lun: number) => {
  const ref: MachineRef = { resourceGroup: item.resourceGroup, name: item.vmName };
  return hosts.get(item.host).openDisk(ref, point.snapshot!.snapshotId, lun, signal);
};

async function finish(
  context: JobContext,
  destination: RestoreDestination,
  done: readonly { readonly disk: PointDisk; readonly file: DiskTarget }[],
): Promise<Readonly<Record<string, string>>> {
  const progress = destination.lastTask === undefined ? undefined : new SubTaskProgress(context, destination.lastTask);
  await progress?.start();
  const told = await destination.finish(done.map(({ disk, file }) => ({ disk, path: file.path })));
  await progress?.end('Completed');
  return told;
}
