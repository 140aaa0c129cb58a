import { access, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { Collection } from '../collection/collection.ts';
import type { SnapshotDiskInfo } from '../machine.ts';
import { createPrivateFile } from '../tools/privateFile.ts';
import { runTool } from '../tools/runTool.ts';
import type { BlockDisk } from './blockDisks.ts';
import { bitmapName, lunName, nodeNames } from './names.ts';
import type { Json, Qmp, QmpCommand } from './qmp.ts';

/** What a snapshot does with one disk. */
export interface DiskPlan {
  readonly disk: BlockDisk;
  readonly nodes: ReturnType<typeof nodeNames>;
  readonly targetFile: string;
  readonly scratchPath: string;
  readonly newBitmap: string;
  /** The snapshot that the copy stands on, and the bitmap of what changed since. */
  readonly base: { readonly snapshotId: string; readonly file: string; readonly bitmap: string } | undefined;
  readonly taken: SnapshotDiskInfo['taken'];
}

const GRANULARITY_BYTES = 65536;
const CBW_TIMEOUT_S = 30;

export const planDisk = async (
  disk: BlockDisk,
  snapshotId: string,
  collection: Collection,
  scratchFolder: string,
): Promise<DiskPlan> => {
  const tracked = await trackedBase(disk, collection);
  const name = lunName(disk.lun);
  return {
    disk,
    nodes: nodeNames(disk.lun),
    targetFile: `${snapshotId}.${name}.qcow2`,
    scratchPath: join(scratchFolder, `scratch-${disk.diskId.slice(0, 12)}-${name}.qcow2`),
    newBitmap: bitmapName(disk.diskId, snapshotId),
    base: 'why' in tracked ? undefined : tracked,
    taken: 'why' in tracked ? { kind: 'whole', why: tracked.why } : { kind: 'incremental' },
  };
};

/** The newest snapshot of the disk, when what changed since is known without any doubt; otherwise the doubt. */
const trackedBase = async (
  disk: BlockDisk,
  collection: Collection,
): Promise<NonNullable<DiskPlan['base']> | { readonly why: string }> => {
  const entry = collection.all.findLast((candidate) => candidate.disks.some((stored) => stored.lun === disk.lun));
  if (!entry) return { why: 'it is the first snapshot of this disk' };
  const { id } = entry.snapshot;
  const info = entry.snapshot.disks.find((candidate) => candidate.lun === disk.lun);
  const stored = collection.disk(id, disk.lun);
  if (!info || !stored || info.diskId !== disk.diskId) return { why: `the disk is another one than in snapshot ${id}` };
  if (info.sizeBytes !== disk.sizeBytes) return { why: `the disk was resized since snapshot ${id}` };
  const bitmap = disk.bitmaps.find((candidate) => candidate.name === bitmapName(disk.diskId, id));
  if (!bitmap)
    return {
      why: `change tracking since snapshot ${id} is missing${disk.format === 'qcow2' ? '' : ': an image that is not qcow2 keeps none over a restart'}`,
    };
  if (bitmap.inconsistent) return { why: `change tracking since snapshot ${id} is inconsistent: QEMU ended abruptly` };
  if (!bitmap.recording || bitmap.busy) return { why: `change tracking since snapshot ${id} was interrupted` };
  const there = await access(collection.path(stored.file)).then(
    () => true,
    () => false,
  );
  if (!there) return { why: `the file of snapshot ${id} is missing` };
  return { snapshotId: id, file: stored.file, bitmap: bitmap.name! };
};

/** Makes the target and the scratch file and gives both to QEMU; nothing is frozen yet. */
export const prepareDisk = async (
  qmp: Qmp,
  plan: DiskPlan,
  collection: Collection,
  scratchLimitMiB: number | undefined,
): Promise<void> => {
  const { disk, nodes, targetFile, scratchPath, base } = plan;
  const targetPath = collection.path(targetFile);
  const size = String(disk.sizeBytes);
  for (const path of [targetPath, scratchPath]) await createPrivateFile(path);
  const backing = base ? ['-b', base.file, '-F', 'qcow2'] : [];
  await runTool('qemu-img', ['create', '-q', '-f', 'qcow2', ...backing, '--', targetPath, size], {
    failure: 'SnapshotFailed',
  });
  await runTool('qemu-img', ['create', '-q', '-f', 'qcow2', '--', scratchPath, size], { failure: 'SnapshotFailed' });
  const file = (filename: string): Json => ({ driver: 'file', filename });
  await qmp.command('blockdev-add', {
    driver: 'qcow2',
    'node-name': nodes.target,
    discard: 'unmap',
    'detect-zeroes': 'unmap',
    file: file(targetPath),
  });
  const limitBytes = scratchLimitMiB === undefined ? undefined : scratchLimitMiB * 2 ** 20;
  if (limitBytes !== undefined) await truncate(scratchPath, limitBytes);
  await qmp.command('blockdev-add', {
    driver: 'qcow2',
    'node-name': nodes.scratch,
    discard: 'unmap',
    file: limitBytes === undefined ? file(scratchPath) : { driver: 'raw', size: limitBytes, file: file(scratchPath) },
  });
};

/** What must happen in one instant over all disks: tracking changes hands, then a filter keeps what the guest overwrites. */
export const cutCommands = (plans: readonly DiskPlan[]): readonly QmpCommand[] => [
  {
    execute: 'transaction',
    arguments: {
      actions: plans.flatMap(({ disk, newBitmap, base }) => [
        {
          type: 'block-dirty-bitmap-add',
          data: {
            node: disk.node,
            name: newBitmap,
            granularity: GRANULARITY_BYTES,
            persistent: disk.format === 'qcow2',
          },
        },
        ...(base ? [{ type: 'block-dirty-bitmap-disable', data: { node: disk.node, name: base.bitmap } }] : []),
      ]),
    },
  },
  ...plans.flatMap(({ disk, nodes, base }): QmpCommand[] => [
    {
      execute: 'blockdev-add',
      arguments: {
        driver: 'copy-before-write',
        'node-name': nodes.filter,
        file: disk.node,
        target: nodes.scratch,
        // The guest is never made to wait for a snapshot, nor failed for one: rather the snapshot is lost.
        'on-cbw-error': 'break-snapshot',
        'cbw-timeout': CBW_TIMEOUT_S,
        ...(base ? { bitmap: { node: disk.node, name: base.bitmap } } : {}),
      },
    },
    { execute: 'qom-set', arguments: { path: disk.device, property: 'drive', value: nodes.filter } },
    {
      execute: 'blockdev-add',
      arguments: { driver: 'snapshot-access', 'node-name': nodes.frozen, file: nodes.filter },
    },
  ]),
];
