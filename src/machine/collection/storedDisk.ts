import type { Extent } from '../../lib/extent.ts';
import type { ChangedExtents, SnapshotDisk, SnapshotDiskInfo } from '../machine.ts';
import { ALLOCATION, ALLOCATION_DEPTH, type NbdExport, openNbdExport } from '../tools/nbdExport.ts';
import type { Collection, StoredDisk, StoredSnapshot } from './collection.ts';
import { fileExtents } from './fileExtents.ts';

/** Flag of base:allocation: the extent reads as zeros. */
const READS_ZERO = 2;

/** Opens a disk of a snapshot that is there: as a file where its bytes stand as they are, else through an export. */
export const openStoredDisk = async (
  collection: Collection,
  entry: StoredSnapshot,
  lun: number,
  runFolder: string,
  signal?: AbortSignal,
  onClose: () => Promise<void> = async () => {},
): Promise<SnapshotDisk> => {
  const stored = entry.disks.find((disk) => disk.lun === lun)!;
  const info = entry.snapshot.disks.find((disk) => disk.lun === lun)!;
  const path = collection.path(stored.file);
  const endRead = collection.read();
  if (stored.flat) return openFlat(path, info.sizeBytes, endRead, onClose);
  const served = await openNbdExport(path, stored.format, runFolder, signal).catch((error: unknown) => {
    endRead();
    throw error;
  });
  return {
    sizeBytes: info.sizeBytes,
    address: { kind: 'nbd', socketPath: served.socketPath, exportName: '' },
    async changedSince(baseId) {
      const layers = layersSince(collection, stored, info, baseId);
      if ('why' in layers)
        return { kind: 'whole', why: layers.why, extents: dataExtents(served) } satisfies ChangedExtents;
      return { kind: 'changed', extents: upperExtents(served, layers.count) } satisfies ChangedExtents;
    },
    async [Symbol.asyncDispose]() {
      await served[Symbol.asyncDispose]();
      endRead();
      await onClose();
    },
  };
};

const openFlat = (
  path: string,
  sizeBytes: number,
  endRead: () => void,
  onClose: () => Promise<void>,
): SnapshotDisk => ({
  sizeBytes,
  address: { kind: 'file', path },
  async changedSince() {
    return {
      kind: 'whole',
      why: 'the snapshot is a copy of the whole image',
      extents: await fileExtents(path, sizeBytes),
    };
  },
  async [Symbol.asyncDispose]() {
    endRead();
    await onClose();
  },
});

/** How many files of the chain lie above the base's; or why changes cannot be counted from it. */
const layersSince = (
  collection: Collection,
  stored: StoredDisk,
  info: SnapshotDiskInfo,
  baseId: string | undefined,
): { readonly count: number } | { readonly why: string } => {
  if (baseId === undefined) return { why: 'no base is given' };
  const base = collection.live.find(({ snapshot }) => snapshot.id === baseId);
  const baseDisk = base?.snapshot.disks.find((disk) => disk.lun === info.lun);
  if (!baseDisk) return { why: `snapshot ${baseId} is no longer in the restore-point collection` };
  if (baseDisk.diskId !== info.diskId) return { why: `the disk is another one than in snapshot ${baseId}` };
  if (baseDisk.sizeBytes !== info.sizeBytes) return { why: `the disk had another size in snapshot ${baseId}` };
  let parentId = stored.parentId;
  for (let count = 1; parentId !== undefined; count++) {
    if (parentId === baseId) return { count };
    parentId = collection.disk(parentId, info.lun)?.parentId;
  }
  return { why: `change tracking was interrupted since snapshot ${baseId}` };
};

async function* dataExtents({ client }: NbdExport): AsyncGenerator<Extent> {
  for await (const { offset, length, flags } of client.extents())
    if (!(flags[ALLOCATION]! & READS_ZERO)) yield { offset, length, kind: 'data' };
}

async function* upperExtents({ client }: NbdExport, layerCount: number): AsyncGenerator<Extent> {
  for await (const { offset, length, flags } of client.extents()) {
    const depth = flags[ALLOCATION_DEPTH]!;
    if (depth >= 1 && depth <= layerCount)
      yield { offset, length, kind: flags[ALLOCATION]! & READS_ZERO ? 'zero' : 'data' };
  }
}
