import { mkdir } from 'node:fs/promises';
import type { Clock } from '../../lib/clock.ts';
import { syncPath } from '../../lib/durableFile.ts';
import { CodedError, isCoded } from '../../lib/error.ts';
import type { StoredDisk } from '../collection/collection.ts';
import type { DescribedMachine } from '../description/folder.ts';
import type { Machine, Snapshot, SnapshotRequest } from '../machine.ts';
import { checkSnapshotId, chooseDisks } from '../machineRef.ts';
import { attachedDisks } from './blockDisks.ts';
import { copyDisks } from './copyJobs.ts';
import { CUT_LIMITS, type CutResult } from './cutPlan.ts';
import { cutInOwnProcess } from './cutProcess.ts';
import { cutCommands, type DiskPlan, planDisk, prepareDisk } from './diskPlan.ts';
import type { MonitorLink } from './monitorLink.ts';
import type { Qmp } from './qmp.ts';
import { consistencyOf, type Freeze, type Quiet, type QuietMachine, quiesce } from './quiesce.ts';
import { thawIfFrozen } from './thaw.ts';
import { stoppedMark, writeUnderWay } from './underWay.ts';
import { forget, type Traces, undo } from './undo.ts';

export interface SnapshotContext extends Traces, QuietMachine {
  readonly machine: DescribedMachine;
  readonly clock: Clock;
  readonly link: MonitorLink;
  readonly qmpSocket: string;
  readonly agentSocket: string | undefined;
  /** The machine as it is, to be kept with the snapshot. */
  readonly view: Machine;
}

interface Prepared {
  readonly plans: readonly DiskPlan[];
  /** Why the guest agent is not asked; absent: it is. */
  readonly noFreezeWhy: string | undefined;
  readonly running: boolean;
}

/**
 * One snapshot of a machine whose QEMU runs: prepare, cut, copy, commit. Whatever happens, what it put into the QEMU is
 * taken out again; a failure leaves no file and the change tracking as it was.
 */
export const takeSnapshot = async (context: SnapshotContext, request: SnapshotRequest): Promise<Snapshot> => {
  const { link, collection } = context;
  checkSnapshotId(
    request.id,
    collection.all.map(({ snapshot }) => snapshot.id),
  );
  let result: CutResult | undefined;
  try {
    const prepared = await link.use((qmp) => prepare(qmp, context, request));
    request.signal?.throwIfAborted();
    await using quiet = await quiesce(context, prepared.noFreezeWhy, request.signal);
    result = await link.lend(() => cutNow(context, prepared, quiet.freeze, request.signal));
    if (result.stillFrozen !== undefined)
      context.log.error({ machine: context.machine.name }, `the guest may be frozen: ${result.stillFrozen}`);
    request.signal?.throwIfAborted();
    if (result.error !== undefined)
      throw new CodedError('SnapshotFailed', `the cut failed: ${result.error}`, { target: 'cut' });
    await quiet.end(request.signal);
    await link.use((qmp) => copyAndRelease(qmp, context, prepared.plans, request));
    const snapshot = describe(context, request, prepared, quiet, result);
    await commit(context, snapshot, prepared.plans);
    return snapshot;
  } finally {
    // A snapshot that was committed stands, even if its traces could not be removed: the next one, or reconcile, will.
    await cleanUp(context, result).catch((error: unknown) =>
      context.log.warn({ err: error, machine: context.machine.name }, 'traces of a snapshot remain'),
    );
  }
};

const prepare = async (qmp: Qmp, context: SnapshotContext, request: SnapshotRequest): Promise<Prepared> => {
  const { machine, collection } = context;
  await undo(qmp, context);
  const folder = machine.qemu.scratchFolder ?? collection.folder;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const plans: DiskPlan[] = [];
  for (const disk of chooseDisks(await attachedDisks(qmp, machine), request.luns))
    plans.push(await planDisk(disk, request.id, collection, folder));
  const disks = plans.map(({ disk: { lun, node, device }, scratchPath }) => ({ lun, node, device, scratchPath }));
  await writeUnderWay(collection.folder, { snapshotId: request.id, disks });
  for (const plan of plans) {
    request.signal?.throwIfAborted();
    await prepareDisk(qmp, plan, collection, machine.qemu.scratchLimitMiB);
  }
  const { running, status } = await qmp.command<{ running: boolean; status: string }>('query-status');
  return { plans, running, noFreezeWhy: whyNotFreeze(context, request, running, status) };
};

const whyNotFreeze = (
  context: SnapshotContext,
  request: SnapshotRequest,
  running: boolean,
  status: string,
): string | undefined => {
  if (request.crashConsistentOnly) return request.crashConsistentReason ?? 'a crash-consistent point was asked for';
  if (!running) return status === 'prelaunch' ? 'the machine is powered off' : `the machine is not running (${status})`;
  if (context.agentSocket === undefined) return 'no guest agent is configured for the machine';
  return undefined;
};

const cutNow = (
  context: SnapshotContext,
  { plans, running }: Prepared,
  freeze: Freeze,
  signal?: AbortSignal,
): Promise<CutResult> =>
  cutInOwnProcess(
    {
      qmpSocket: context.qmpSocket,
      ...(freeze.kind === 'freeze' && context.agentSocket !== undefined ? { agentSocket: context.agentSocket } : {}),
      ...(freeze.kind === 'freeze' && freeze.mounts ? { mounts: freeze.mounts } : {}),
      pause: running,
      stoppedMark: stoppedMark(context.collection.folder),
      commands: cutCommands(plans),
      limits: {
        ...CUT_LIMITS,
        ...(freeze.kind === 'freeze' && freeze.freezeMs !== undefined ? { freezeMs: freeze.freezeMs } : {}),
      },
    },
    signal,
  );

const copyAndRelease = async (
  qmp: Qmp,
  context: SnapshotContext,
  plans: readonly DiskPlan[],
  request: SnapshotRequest,
): Promise<void> => {
  await copyDisks(qmp, plans, context.clock, request);
  for (const { nodes, targetFile } of plans) {
    await qmp.command('blockdev-del', { 'node-name': nodes.target });
    await syncPath(context.collection.path(targetFile));
  }
};

const describe = (
  context: SnapshotContext,
  request: SnapshotRequest,
  prepared: Prepared,
  quiet: Quiet,
  result: CutResult,
): Snapshot => {
  return {
    id: request.id,
    takenAt: result.cutAt,
    ...consistencyOf(context, quiet, result),
    ...(quiet.scripts ? { scripts: quiet.scripts } : {}),
    frozenMs: result.frozenMs,
    disks: prepared.plans.map(({ disk: { lun, name, sizeBytes, diskId }, taken }) => ({
      lun,
      name,
      sizeBytes,
      diskId,
      taken,
    })),
    machine: context.view,
  };
};

const commit = async (
  { collection }: SnapshotContext,
  snapshot: Snapshot,
  plans: readonly DiskPlan[],
): Promise<void> => {
  const disks = plans.map(
    ({ disk, targetFile, base }): StoredDisk => ({
      lun: disk.lun,
      file: targetFile,
      format: 'qcow2',
      flat: false,
      ...(base ? { parentId: base.snapshotId } : {}),
    }),
  );
  await collection.update((all) => [...all, { snapshot, disks }]);
};

const cleanUp = async (context: SnapshotContext, result: CutResult | undefined): Promise<void> => {
  try {
    await context.link.use((qmp) => undo(qmp, context));
    if (result?.stillFrozen !== undefined && context.agentSocket !== undefined) await thawIfFrozen(context.agentSocket);
  } catch (error) {
    // QEMU went away in the middle.
    if (!isCoded(error, 'HostUnavailable')) throw error;
    await forget(context.collection);
  }
  await context.collection.removeStrays();
};
