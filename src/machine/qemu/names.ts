import { createHash } from 'node:crypto';

/** Everything of ours inside a QEMU begins so; node names may have 31 characters. */
export const OURS = 'sr-';
const BITMAP = 'strongroom-';

export const lunName = (lun: number): string => (lun === -1 ? 'os' : String(lun));

/** Nodes and jobs of one disk's snapshot. */
export const nodeNames = (lun: number) => ({
  /** The file in the collection that the copy goes to. */
  target: `${OURS}to-${lunName(lun)}`,
  /** Where blocks go that the guest overwrites before they are copied. */
  scratch: `${OURS}fl-${lunName(lun)}`,
  /** The filter over the disk. */
  filter: `${OURS}cbw-${lunName(lun)}`,
  /** The disk as it was at the cut. */
  frozen: `${OURS}snap-${lunName(lun)}`,
  job: `${OURS}job-${lunName(lun)}`,
});

export type NodeKind = 'to' | 'fl' | 'cbw' | 'snap';

export const isNodeOfKind = (name: string, kind: NodeKind): boolean => name.startsWith(`${OURS}${kind}-`);

/** Identity of a disk: the machine's id and the image's portable path, so that it stays when the folders are moved. */
export const diskIdOf = (vmId: string, path: string): string =>
  createHash('sha256').update(`${vmId}\n${path}`).digest('hex').slice(0, 32);

/** The bitmap of what changed since a snapshot, bound to the disk and to the snapshot it counts from. */
export const bitmapName = (diskId: string, snapshotId: string): string =>
  `${BITMAP}${diskId.slice(0, 12)}-${snapshotId}`;

export const isBitmapOfOurs = (name: string | undefined): name is string => name?.startsWith(BITMAP) ?? false;
