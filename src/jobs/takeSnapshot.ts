import { randomInt } from 'node:crypto';
import { journalStep, updateJob } from '../db/jobs.ts';
import { getPoint, putPoint } from '../db/points.ts';
import type { MachineHost, MachineRef, Snapshot } from '../machine/machine.ts';
import { TAKE_SNAPSHOT } from '../vault/job.ts';
import type { JsonObject } from '../vault/json.ts';
import type { PointDisk, RecoveryPoint } from '../vault/recoveryPoint.ts';
import type { BackupSubject } from './backupSubject.ts';
import type { JobContext } from './context.ts';
import { changeSubTask, SubTaskProgress } from './subTaskProgress.ts';

/**
 * Phase one: the host's frozen view of the machine, and the recovery point that has it as its snapshot tier.
 * The point's id is journalled before the host is asked, so another run of the job finds what this one made.
 * Errors: of MachineHost.find and .snapshot; JobLeaseLost.
 */
export async function takeSnapshot(context: JobContext, subject: BackupSubject): Promise<RecoveryPoint> {
  const { db, job, clock, hosts } = context;
  const { item } = subject;
  const host = hosts.get(item.host);
  const ref: MachineRef = { resourceGroup: item.resourceGroup, name: item.vmName };
  const progress = new SubTaskProgress(context, TAKE_SNAPSHOT);
  const pointId = await journalStep(db.queries, job.id, job.epoch, 'pointId', newPointId(clock.now()));
  const snapshotId = `p${pointId}`;
  await progress.start();
  const snapshot =
    (await host.snapshots(ref)).find(({ id }) => id === snapshotId) ??
    (await ask(context, subject, host, ref, snapshotId, progress));
  await progress.settle();
  return db.transaction(async (tx) => {
    // an earlier run of this job may have brought the point further, as far as into the vault
    const known = await getPoint(tx, item.id, pointId);
    const point = known ?? toPoint(context, subject, pointId, snapshot);
    if (!known) await putPoint(tx, point);
    await updateJob(tx, job.id, job.epoch, (now) => ({
      subTasks: changeSubTask(now, TAKE_SNAPSHOT, (task) =>
        progress.ended(task, 'Completed', { note: noteOf(snapshot) }),
      ),
    }));
    return point;
  });
}

async function ask(
  { signal, log }: JobContext,
  { item, policy }: BackupSubject,
  host: MachineHost,
  ref: MachineRef,
  id: string,
  progress: SubTaskProgress,
): Promise<Snapshot> {
  const undone = await host.reconcile(ref);
  if (undone.length > 0) log.warn({ machine: ref, undone }, 'leftovers of an earlier run were cleared');
  const luns = item.disks && chosenLuns(item.disks, (await host.find(ref, signal)).disks);
  return host.snapshot(ref, {
    id,
    ...(luns ? { luns } : {}),
    crashConsistentOnly: policy?.snapshotConsistency === 'OnlyCrashConsistent',
    signal,
    onProgress: ({ bytesDone, bytesTotal }) => progress.report(bytesDone, bytesTotal),
  });
}

/** The OS disk (LUN −1) is always in. */
const chosenLuns = (
  selection: { readonly isInclusionList: boolean; readonly luns: readonly number[] },
  disks: readonly { readonly lun: number }[],
): number[] =>
  disks.map(({ lun }) => lun).filter((lun) => lun === -1 || selection.luns.includes(lun) === selection.isInclusionList);

function toPoint(
  { job }: JobContext,
  { item, parameters }: BackupSubject,
  id: string,
  snapshot: Snapshot,
): RecoveryPoint {
  const taken = new Set(snapshot.disks.map(({ lun }) => lun));
  const excludedDisks: PointDisk[] = snapshot.machine.disks
    .filter(({ lun }) => !taken.has(lun))
    .map(({ lun, name, sizeBytes }) => ({ lun, name, sizeBytes, diskId: '' }));
  return {
    id,
    vaultId: item.vaultId,
    itemId: item.id,
    jobId: job.id,
    takenAt: snapshot.takenAt,
    consistency: snapshot.consistency,
    ...(snapshot.consistencyReason === undefined ? {} : { consistencyReason: snapshot.consistencyReason }),
    ...(parameters.occurrence ? { occurrenceKey: parameters.occurrence.key } : {}),
    ...(parameters.retainUntil === undefined ? {} : { retainUntil: parameters.retainUntil }),
    snapshot: { snapshotId: snapshot.id },
    keptBy: [],
    disks: snapshot.disks.map(({ lun, name, sizeBytes, diskId }) => ({ lun, name, sizeBytes, diskId })),
    excludedDisks,
    machine: snapshot.machine as unknown as JsonObject,
  };
}

const noteOf = (snapshot: Snapshot): string =>
  [
    `${snapshot.consistency} consistent${snapshot.consistencyReason ? ` (${snapshot.consistencyReason})` : ''}`,
    ...(snapshot.frozenMs > 0 ? [`frozen for ${snapshot.frozenMs} ms`] : []),
    ...snapshot.disks.flatMap(({ name, taken }) =>
      taken.kind === 'whole' ? [`${name} copied whole: ${taken.why}`] : [],
    ),
  ].join('; ');

/** Digits only, as Azure's; ascending in time, and one machine never has two in a millisecond. */
const newPointId = (now: number): string => `${now}${String(randomInt(1000)).padStart(3, '0')}`;
