import { realpath } from 'node:fs/promises';
import { CodedError } from '../../lib/error.ts';
import type { DescribedMachine } from '../description/folder.ts';
import { portablePath } from '../description/place.ts';
import type { DiskFormat } from '../machine.ts';
import { diskIdOf, isBitmapOfOurs, OURS } from './names.ts';
import type { Qmp } from './qmp.ts';

export interface Bitmap {
  readonly name?: string;
  readonly recording: boolean;
  readonly busy: boolean;
  readonly inconsistent?: boolean;
}

/** A writable disk as a running QEMU has it. */
export interface BlockDisk {
  readonly lun: number;
  readonly name: string;
  readonly diskId: string;
  /** The node that holds the format: where bitmaps live. */
  readonly node: string;
  /** Path in QEMU's object tree, for `qom-set`. */
  readonly device: string;
  readonly format: DiskFormat;
  readonly path: string;
  readonly sizeBytes: number;
  readonly bitmaps: readonly Bitmap[];
}

export interface NamedNode {
  readonly 'node-name': string;
  readonly drv: string;
  readonly image: { readonly filename: string; readonly 'virtual-size': number };
  readonly 'dirty-bitmaps'?: readonly Bitmap[];
}

export interface BlockDevice {
  readonly qdev?: string;
  readonly inserted?: {
    readonly 'node-name'?: string;
    readonly ro: boolean;
    readonly image: NamedNode['image'];
    readonly drv: string;
  };
}

export const namedNodes = (qmp: Qmp): Promise<readonly NamedNode[]> =>
  qmp.command('query-named-block-nodes', { flat: true });

export const blockDevices = (qmp: Qmp): Promise<readonly BlockDevice[]> => qmp.command('query-block');

/** `query-block` gives an id, or a path that for virtio-blk goes one step too far. */
export const devicePath = (qdev: string): string =>
  (qdev.startsWith('/') ? qdev : `/machine/peripheral/${qdev}`).replace(/\/virtio-backend$/, '');

const FORMATS: Readonly<Record<string, DiskFormat>> = {
  raw: 'raw',
  qcow2: 'qcow2',
  vpc: 'vhd',
  vhdx: 'vhdx',
  vmdk: 'vmdk',
};

/**
 * The disks of a machine, seen through a filter of ours: those described by their LUN, then those plugged in since,
 * by the next free LUNs. Errors: SnapshotFailed when a described disk is not there.
 */
export const attachedDisks = async (qmp: Qmp, machine: DescribedMachine): Promise<readonly BlockDisk[]> => {
  const nodes = await namedNodes(qmp);
  const paths = await Promise.all(machine.disks.map(async (disk) => ({ ...disk, real: await realPath(disk.path) })));
  const disks: BlockDisk[] = [];
  let nextLun = Math.max(-1, ...machine.disks.map((disk) => disk.lun)) + 1;
  for (const { qdev, inserted } of await blockDevices(qmp)) {
    const node = formatNode(nodes, inserted);
    const format = FORMATS[node?.drv ?? ''];
    if (qdev === undefined || !inserted || inserted.ro || !node || !format) continue;
    const path = node.image.filename;
    const real = await realPath(path);
    const described = paths.find((disk) => disk.path === path || disk.real === real);
    disks.push({
      lun: described?.lun ?? nextLun++,
      name: described?.name ?? node['node-name'].replace(/^#/, ''),
      diskId: diskIdOf(machine.vmId, portablePath(machine.place, described?.path ?? path)),
      node: node['node-name'],
      device: devicePath(qdev),
      format,
      path,
      sizeBytes: node.image['virtual-size'],
      bitmaps: (node['dirty-bitmaps'] ?? []).filter((bitmap) => isBitmapOfOurs(bitmap.name)),
    });
  }
  const missing = machine.disks.find((disk) => !disks.some((attached) => attached.lun === disk.lun));
  if (missing)
    throw new CodedError(
      'SnapshotFailed',
      `disk ${missing.name} at LUN ${missing.lun} is described and not attached to the machine`,
      { target: missing.name },
    );
  return disks.sort((a, b) => a.lun - b.lun);
};

/** The path without symbolic links; of what cannot be looked up, the path itself. */
const realPath = (path: string): Promise<string> => realpath(path).catch(() => path);

/** The node that holds a device's format; under a filter of ours it is the one of the same file. */
const formatNode = (nodes: readonly NamedNode[], inserted: BlockDevice['inserted']): NamedNode | undefined => {
  const top = nodes.find((node) => node['node-name'] === inserted?.['node-name']);
  if (!top?.['node-name'].startsWith(OURS)) return top;
  return nodes.find(
    (node) => node.image.filename === top.image.filename && node.drv in FORMATS && !node['node-name'].startsWith(OURS),
  );
};
