import type { CommitBody } from '../store/commitBody.ts';
import type { JsonValue } from '../vault/json.ts';
import type { PointDisk, RecoveryPoint } from '../vault/recoveryPoint.ts';

/** A point's disks with the trees that its commit object names. */
export const disksWithRoots = (point: RecoveryPoint, body: CommitBody): readonly PointDisk[] =>
  point.disks.map((disk) => {
    const root = body.disks.find(({ lun }) => lun === disk.lun)?.root;
    return root ? { ...disk, sizeBytes: root.sizeBytes, root: root as unknown as JsonValue } : disk;
  });
