import { listItems } from '../../db/items.ts';
import { allPoints, deletePoint, putPoint } from '../../db/points.ts';
import { hasSnapshot, isRestorable, type RecoveryPoint } from '../../vault/recoveryPoint.ts';
import type { JobContext } from '../context.ts';
import { HostSnapshots } from './hostSnapshots.ts';

/** Snapshots that an old database believes in and that the host let go since: the points have that tier no more. */
export async function settleSnapshots(context: JobContext): Promise<void> {
  const { db, clock, job } = context;
  const hosts = new HostSnapshots(context);
  for (const item of await listItems(db.queries, { vaultId: job.vaultId })) {
    // asked for before the host is: the snapshot of a point is there before its row is
    const points = await allPoints(db.queries, item.id, { snapshotOnly: true });
    if (points.length === 0) continue;
    const gone: RecoveryPoint[] = [];
    for (const point of points) {
      const host = point.snapshot?.host ?? item.host;
      const there = await hosts.of({ host, resourceGroup: item.resourceGroup, name: item.vmName });
      if (there && point.snapshot && !there.has(point.snapshot.snapshotId)) gone.push(point);
    }
    if (gone.length === 0) continue;
    await db.transaction(async (tx) => {
      for (const point of gone.filter(hasSnapshot)) {
        const left = { ...point, snapshot: { ...point.snapshot!, deletedAt: clock.now() } };
        if (isRestorable(left)) await putPoint(tx, left);
        else await deletePoint(tx, item.id, point.id);
      }
    });
  }
}
