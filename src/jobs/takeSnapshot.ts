import { randomInt } from 'node:crypto';
import { journalStep, updateJob } from '../db/jobs.ts';
import { getPoint, putPoint } from '../db/points.ts';
import type { MachineRef, Snapshot, SnapshotRequest } from '../machine/machine.ts';
import { isDiskIncluded } from '../vault/diskSelection.ts';
import { TAKE_SNAPSHOT } from '../vault/job.ts';
import type { JsonObject } from '../vault/json.ts';
import type { PointDisk, RecoveryPoint } from '../vault/recoveryPoint.ts';
import type { BackupSubject } from './backupSubject.ts';
import type { JobContext } from './context.ts';
import { followMachine } from './followMachine.ts';
import { assertSnapshotsAllowed, placeInSnapshotGroup } from './snapshotGroup.ts';
import { changeSubTask, SubTaskProgress } from './subTaskProgress.ts';

/**
 * Phase one: the host's frozen view of the machine, and the recovery point that has it as its snapshot tier.
 * The point's id is journalled before the host is asked, so another run of the job finds what this one made.
 * Errors: of MachineHost.find and .snapshot; BCMV2VMNotFound, ScopeLocked, JobLeaseLost.
 */
export async function takeSnapshot(context: JobContext, subject: BackupSubject): Promise<RecoveryPoint> {
  const { db, job, clock, hosts } = context;
  const { item } = subject;
  const ref: MachineRef = { resourceGroup: item.resourceGroup, name: item.vmName };
  const progress = new SubTaskProgress(context, TAKE_SNAPSHOT);
  const pointId = await journalStep(db.queries, job.id, job.epoch, 'pointId', newPointId(clock.now()));
  const snapshotId = `p${pointId}`;
  await progress.start();
  // an earlier run of this job may have taken it
  const there = (await hosts.get(item.host).snapshots(ref)).find(({ id }) => id === snapshotId);
  const { host, snapshot } = there
    ? { host: item.host, snapshot: there }
    : await ask(context, subject, ref, snapshotId, progress);
  await progress.settle();
  return db.transaction(async (tx) => {
    // an earlier run of this job may have brought the point further, as far as into the vault
    const known = await getPoint(tx, item.id, pointId);
    const point = known ?? toPoint(context, subject, pointId, host, snapshot);
    if (!known) {
      await putPoint(tx, point);
      await placeInSnapshotGroup(tx, item.id, subject.policy, clock.now());
    }
    await updateJob(tx, job.id, job.epoch, (now) => ({
      subTasks: changeSubTask(now, TAKE_SNAPSHOT, (task) =>
        progress.ended(task, 'Completed', { note: noteOf(snapshot) }),
      ),
    }));
    return point;
  });
}

async function ask(
  context: JobContext,
  { item, policy }: BackupSubject,
  ref: MachineRef,
  id: string,
  progress: SubTaskProgress,
): Promise<{ readonly host: string; readonly snapshot: Snapshot }> {
  const { db, signal, log, job } = context;
  await assertSnapshotsAllowed(db.queries, item);
  const { host, machine } = await followMachine(context, item);
  const undone = await host.reconcile(ref);
  if (undone.length > 0) log.warn({ machine: ref, undone }, 'leftovers of an earlier run were cleared');
  const luns = machine.disks.map(({ lun }) => lun).filter((lun) => isDiskIncluded(item.disks, lun));
  const snapshot = await host.snapshot(ref, {
    id,
    ...(item.disks ? { luns } : {}),
    ...crashConsistency(policy, job.attempt),
    signal,
    onProgress: ({ bytesDone, bytesTotal }) => progress.report(bytesDone, bytesTotal),
  });
  return { host: host.name, snapshot };
}

/** An enhanced policy rather has a crash-consistent point than none: some of its later attempts don't ask the guest. */
const FALLBACK_ATTEMPTS: ReadonlySet<number> = new Set([4, 6, 8]);

const crashConsistency = (
  policy: BackupSubject['policy'],
  attempt: number,
): Pick<SnapshotRequest, 'crashConsistentOnly' | 'crashConsistentReason'> => {
  if (policy?.snapshotConsistency === 'OnlyCrashConsistent') return { crashConsistentOnly: true };
  if (policy?.policyType !== 'V2' || !FALLBACK_ATTEMPTS.has(attempt)) return {};
  const crashConsistentReason = `attempt ${attempt} leaves the guest alone, as the earlier ones failed`;
  return { crashConsistentOnly: true, crashConsistentReason };
};

function toPoint(
  { job }: JobContext,
  { item, parameters }: BackupSubject,
  id: string,
  host: string,
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
    ...(snapshot.scripts?.succeeded === false ? { scriptsFailure: scriptsNote(snapshot.scripts) } : {}),
    ...(parameters.occurrence ? { occurrenceKey: parameters.occurrence.key } : {}),
    ...(parameters.retainUntil === undefined ? {} : { retainUntil: parameters.retainUntil }),
    snapshot: { snapshotId: snapshot.id, host },
    keptBy: [],
    disks: snapshot.disks.map(({ lun, name, sizeBytes, diskId }) => ({ lun, name, sizeBytes, diskId })),
    excludedDisks,
    machine: snapshot.machine as unknown as JsonObject,
  };
}

const noteOf = (snapshot: Snapshot): string =>
  [
    `${snapshot.consistency} consistent${snapshot.consistencyReason ? ` (${snapshot.consistencyReason})` : ''}`,
    ...(snapshot.scripts ? [scriptsNote(snapshot.scripts)] : []),
    ...(snapshot.frozenMs > 0 ? [`frozen for ${snapshot.frozenMs} ms`] : []),
    ...snapshot.disks.flatMap(({ name, taken }) =>
      taken.kind === 'whole' ? [`${name} copied whole: ${taken.why}`] : [],
    ),
  ].join('; ');

const scriptsNote = ({ succeeded, failures }: NonNullable<Snapshot['scripts']>): string =>
  succeeded
    ? 'pre and post script ran'
    : failures.map(({ code, number, message }) => `${code} (${number}): ${message}`).join('; ');

/** Digits only, as Azure's; ascending in time, and one machine never has two in a millisecond. */
const newPointId = (now: number): string => `${now}${String(randomInt(1000)).padStart(3, '0')}`;
