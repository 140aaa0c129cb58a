import { type FileHandle, open } from 'node:fs/promises';
import type { Extent, Range } from '../../lib/extent.ts';
import type { ChangedExtents, SnapshotDisk } from '../machine.ts';

const CELL_BYTES = 65536;

/** The writes a disk has seen; the array itself is the identity of its tracking. */
export type WriteLog = readonly Range[];

/** A snapshot's disk: a copy of the bytes, and how many writes the disk had seen by then. */
export interface FrozenDisk {
  readonly lun: number;
  readonly diskId: string;
  readonly sizeBytes: number;
  readonly path: string;
  readonly writes: WriteLog;
  readonly writesSeen: number;
}

export const openFrozenDisk = (
  disk: FrozenDisk,
  findBase: (snapshotId: string) => FrozenDisk | undefined,
  onClose: () => void,
): SnapshotDisk => {
  let open = true;
  return {
    sizeBytes: disk.sizeBytes,
    address: { kind: 'file', path: disk.path },
    async changedSince(baseSnapshotId) {
      const base = baseSnapshotId === undefined ? undefined : findBase(baseSnapshotId);
      const why =
        baseSnapshotId === undefined ? 'no base is given' : (whyNotFrom(base, disk) ?? whyNotBefore(base, disk));
      if (why !== undefined) return { kind: 'whole', why, extents: dataExtents(disk) } satisfies ChangedExtents;
      const cells = changedCells(disk.writes.slice(base?.writesSeen ?? 0, disk.writesSeen));
      return { kind: 'changed', extents: cellExtents(disk, cells) } satisfies ChangedExtents;
    },
    async [Symbol.asyncDispose]() {
      if (open) onClose();
      open = false;
    },
  };
};

/** Why changes cannot be counted from `base`; undefined when they can. */
export const whyNotFrom = (
  base: FrozenDisk | undefined,
  disk: Omit<FrozenDisk, 'path' | 'writesSeen'>,
): string | undefined => {
  if (!base) return 'there is no snapshot to count from';
  if (base.diskId !== disk.diskId) return 'the base is of another disk';
  if (base.sizeBytes !== disk.sizeBytes) return 'the disk has another size than the base';
  if (base.writes !== disk.writes) return 'change tracking was lost since the base';
  return undefined;
};

/** What was overwritten between the two is in neither log from the later one on. */
const whyNotBefore = (base: FrozenDisk | undefined, disk: FrozenDisk): string | undefined =>
  base && base.writesSeen > disk.writesSeen ? 'the base was taken later' : undefined;

const changedCells = (writes: WriteLog): number[] => {
  const cells = new Set<number>();
  for (const { offset, length } of writes)
    for (let cell = Math.floor(offset / CELL_BYTES); cell * CELL_BYTES < offset + length; cell++) cells.add(cell);
  return [...cells].sort((a, b) => a - b);
};

async function* cellExtents(disk: FrozenDisk, cells: Iterable<number>): AsyncGenerator<Extent> {
  await using file = await open(disk.path, 'r');
  let pending: Extent | undefined;
  for (const cell of cells) {
    const offset = cell * CELL_BYTES;
    const length = Math.min(CELL_BYTES, disk.sizeBytes - offset);
    const kind = (await isZero(file, offset, length)) ? 'zero' : 'data';
    if (pending?.kind === kind && pending.offset + pending.length === offset) {
      pending = { kind, offset: pending.offset, length: pending.length + length };
      continue;
    }
    if (pending) yield pending;
    pending = { kind, offset, length };
  }
  if (pending) yield pending;
}

async function* dataExtents(disk: FrozenDisk): AsyncGenerator<Extent> {
  const cellCount = Math.ceil(disk.sizeBytes / CELL_BYTES);
  const all = Array.from({ length: cellCount }, (_, cell) => cell);
  for await (const extent of cellExtents(disk, all)) if (extent.kind === 'data') yield extent;
}

const ZEROS = Buffer.alloc(CELL_BYTES);

const isZero = async (file: FileHandle, offset: number, length: number): Promise<boolean> => {
  const buffer = Buffer.allocUnsafe(length);
  await file.read(buffer, 0, length, offset);
  return buffer.equals(ZEROS.subarray(0, length));
};
