import type { DiskTarget } from '../machine/machine.ts';
import type { PointDisk } from '../vault/recoveryPoint.ts';

export interface RestoredDisk {
  readonly disk: PointDisk;
  readonly path: string;
}

/** Where the disks of a restore go. */
export interface RestoreDestination {
  /** For the job's record. */
  readonly name: string;
  /** The sub task in which it finishes; absent: none of its own. */
  readonly lastTask?: string;
  /** The host's snapshot is the faster source, where it is still there. */
  readonly prefersSnapshot?: boolean;
  createDisk(disk: PointDisk): Promise<DiskTarget>;
  /** Called when all disks are committed; what the job's property bag shows of it. */
  finish(disks: readonly RestoredDisk[]): Promise<Readonly<Record<string, string>>>;
}
