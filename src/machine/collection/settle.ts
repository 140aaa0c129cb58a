import { rm } from 'node:fs/promises';
import { syncPath } from '../../lib/durableFile.ts';
import { runTool } from '../tools/runTool.ts';
import type { Collection, StoredDisk, StoredSnapshot } from './collection.ts';

const MERGE_TIMEOUT_MS = 24 * 3600 * 1000;

/**
 * Frees the files of snapshots that were let go, where no reader is open: what stands on such a file is merged
 * down into it and takes it over. Every step may be cut off and repeated: until the catalogue says so, the upper file
 * still holds what it held. Nothing else of the collection may go on meanwhile. Returns what was removed.
 */
export const settle = async (collection: Collection): Promise<readonly string[]> => {
  if (collection.hasReaders) return [];
  for (const { snapshot, disks } of collection.all.filter((entry) => entry.deleted))
    for (const { lun } of disks) {
      // Looked up again: the one before may have taken over another file.
      const disk = collection.disk(snapshot.id, lun);
      if (disk) await releaseDisk(collection, snapshot.id, disk);
    }
  if (collection.all.some((entry) => entry.disks.length === 0))
    await collection.update((all) => all.filter((entry) => entry.disks.length > 0));
  return collection.removeStrays();
};

const releaseDisk = async (collection: Collection, deadId: string, disk: StoredDisk): Promise<void> => {
  const anyLives = collection.live.some((entry) => entry.disks.some((other) => other.lun === disk.lun));
  if (anyLives) {
    const child = childOf(collection, deadId, disk.lun);
    if (child) return mergeDown(collection, deadId, disk, child);
    const newest = collection.all.findLast((entry) => entry.disks.some((other) => other.lun === disk.lun));
    // The newest one's file is what the next snapshot counts its changes from: it goes when that one has come.
    if (newest?.snapshot.id === deadId) return;
  }
  await collection.update((all) =>
    all.map((entry) => (entry.snapshot.id === deadId ? withoutDisk(entry, disk.lun) : entry)),
  );
};

const mergeDown = async (
  collection: Collection,
  deadId: string,
  lower: StoredDisk,
  upper: { readonly id: string; readonly disk: StoredDisk },
): Promise<void> => {
  const lowerPath = collection.path(lower.file);
  const upperPath = collection.path(upper.disk.file);
  const failure = 'SnapshotFailed';
  await runTool('qemu-img', ['commit', '-q', '-f', 'qcow2', '-d', '--', upperPath], {
    failure,
    timeoutMs: MERGE_TIMEOUT_MS,
  });
  const above = childOf(collection, upper.id, lower.lun);
  if (above) {
    const abovePath = collection.path(above.disk.file);
    await runTool('qemu-img', ['rebase', '-q', '-u', '-f', 'qcow2', '-b', lower.file, '-F', 'qcow2', '--', abovePath], {
      failure,
    });
    await syncPath(abovePath);
  }
  await syncPath(lowerPath);
  const { parentId: _, ...merged } = { ...upper.disk, file: lower.file };
  const taken = lower.parentId === undefined ? merged : { ...merged, parentId: lower.parentId };
  await collection.update((all) =>
    all.map((entry) => {
      if (entry.snapshot.id === deadId) return withoutDisk(entry, lower.lun);
      return entry.snapshot.id === upper.id
        ? { ...entry, disks: entry.disks.map((disk) => (disk.lun === lower.lun ? taken : disk)) }
        : entry;
    }),
  );
  await rm(upperPath, { force: true });
};

const childOf = (
  collection: Collection,
  parentId: string,
  lun: number,
): { readonly id: string; readonly disk: StoredDisk } | undefined => {
  for (const { snapshot, disks } of collection.all) {
    const disk = disks.find((candidate) => candidate.lun === lun && candidate.parentId === parentId);
    if (disk) return { id: snapshot.id, disk };
  }
  return undefined;
};

const withoutDisk = (entry: StoredSnapshot, lun: number): StoredSnapshot => ({
  ...entry,
  disks: entry.disks.filter((disk) => disk.lun !== lun),
});
