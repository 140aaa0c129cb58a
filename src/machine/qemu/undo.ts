import { access, rm } from 'node:fs/promises';
import type { Clock } from '../../lib/clock.ts';
import type { Collection } from '../collection/collection.ts';
import type { DescribedMachine } from '../description/folder.ts';
import { attachedDisks, type BlockDisk, blockDevices, devicePath, namedNodes } from './blockDisks.ts';
import { bitmapName, isNodeOfKind, OURS } from './names.ts';
import type { Qmp } from './qmp.ts';
import { clearUnderWay, readUnderWay, stoppedMark, type UnderWay } from './underWay.ts';

export interface Traces {
  readonly machine: DescribedMachine;
  readonly collection: Collection;
  readonly clock: Clock;
}

const POLL_MS = 50;

interface Job {
  readonly id: string;
  readonly status: string;
}

/** Lets vCPUs run again that a cut stopped; first of all, because a stopped guest's agent cannot answer. */
export const resume = async (qmp: Qmp, folder: string): Promise<readonly string[]> => {
  const mark = stoppedMark(folder);
  const marked = await access(mark).then(
    () => true,
    () => false,
  );
  if (!marked) return [];
  const { status } = await qmp.command<{ status: string }>('query-status');
  if (status === 'paused') await qmp.command('cont');
  await rm(mark, { force: true });
  return status === 'paused' ? ['resumed the vCPUs'] : [];
};

/**
 * Takes everything of a snapshot out of a QEMU, in the only order that it allows: jobs, frozen views, filters, then the
 * nodes under them; and puts the change tracking right. The same after success, failure and the death of a process.
 */
export const undo = async (qmp: Qmp, { machine, collection, clock }: Traces): Promise<readonly string[]> => {
  const underWay = await readUnderWay(collection.folder);
  const undone = [
    ...(await resume(qmp, collection.folder)),
    ...(await endJobs(qmp, clock)),
    ...(await removeNodes(qmp, underWay)),
    ...(await mendBitmaps(qmp, await attachedDisks(qmp, machine), collection)),
  ];
  await forget(collection);
  return undone;
};

/** Removes what lies in files of a snapshot under way; for a QEMU that is gone, and its nodes with it, that is all. */
export const forget = async (collection: Collection): Promise<readonly string[]> => {
  const underWay = await readUnderWay(collection.folder);
  if (!underWay) return [];
  for (const disk of underWay.disks) await rm(disk.scratchPath, { force: true });
  await rm(stoppedMark(collection.folder), { force: true });
  await clearUnderWay(collection.folder);
  return [`forgot the unfinished snapshot ${underWay.snapshotId}`];
};

const endJobs = async (qmp: Qmp, clock: Clock): Promise<string[]> => {
  const ended: string[] = [];
  const jobs = async () => (await qmp.command<readonly Job[]>('query-jobs')).filter((job) => job.id.startsWith(OURS));
  for (const { id, status } of await jobs()) {
    if (status !== 'concluded') {
      await qmp.command('job-cancel', { id });
      while ((await jobs()).some((job) => job.id === id && job.status !== 'concluded')) await clock.sleep(POLL_MS);
      ended.push(`cancelled the copy job ${id}`);
    }
    await qmp.command('job-dismiss', { id });
  }
  return ended;
};

const removeNodes = async (qmp: Qmp, underWay: UnderWay | undefined): Promise<string[]> => {
  const ours = (await namedNodes(qmp)).map((node) => node['node-name']).filter((name) => name.startsWith(OURS));
  const remove = async (names: readonly string[]) => {
    for (const name of names) await qmp.command('blockdev-del', { 'node-name': name });
  };
  await remove(ours.filter((name) => isNodeOfKind(name, 'snap')));
  const unfiltered: string[] = [];
  for (const { qdev, inserted } of await blockDevices(qmp)) {
    if (qdev === undefined || !isNodeOfKind(inserted?.['node-name'] ?? '', 'cbw')) continue;
    const disk = underWay?.disks.find(({ device }) => device === devicePath(qdev));
    if (!disk) continue;
    await qmp.command('qom-set', { path: disk.device, property: 'drive', value: disk.node });
    unfiltered.push(`took the snapshot filter off disk ${disk.node}`);
  }
  for (const kind of ['cbw', 'fl', 'to'] as const) await remove(ours.filter((name) => isNodeOfKind(name, kind)));
  return unfiltered;
};

/**
 * The bitmap that counts from the newest snapshot of a disk goes on recording. When a failed snapshot had switched it
 * off, it takes in what the failed one's bitmap recorded since; when nothing recorded since, it is worth nothing.
 */
const mendBitmaps = async (qmp: Qmp, disks: readonly BlockDisk[], collection: Collection): Promise<string[]> => {
  const mended: string[] = [];
  for (const { node, diskId, lun, bitmaps } of disks) {
    const newest = collection.all.findLast((entry) =>
      entry.snapshot.disks.some((disk) => disk.lun === lun && disk.diskId === diskId),
    );
    const base = bitmaps.find(
      (bitmap) => newest && bitmap.name === bitmapName(diskId, newest.snapshot.id) && !bitmap.inconsistent,
    );
    const others = bitmaps.filter((bitmap) => bitmap !== base);
    const recorded = others.filter((bitmap) => bitmap.recording && !bitmap.inconsistent).map((bitmap) => bitmap.name!);
    const gone = base && !base.recording && recorded.length === 0 ? [...others, base] : others;
    if (base && !base.recording && recorded.length > 0) {
      const actions = [
        { type: 'block-dirty-bitmap-enable', data: { node, name: base.name! } },
        { type: 'block-dirty-bitmap-merge', data: { node, target: base.name!, bitmaps: recorded } },
      ];
      await qmp.command('transaction', { actions });
      mended.push(`restored the change tracking of disk ${node}`);
    }
    for (const bitmap of gone) await qmp.command('block-dirty-bitmap-remove', { node, name: bitmap.name! });
  }
  return mended;
};
