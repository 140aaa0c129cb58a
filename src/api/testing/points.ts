import { listItems } from '../../db/items.ts';
import { putPoint } from '../../db/points.ts';
import type { RecoveryPoint } from '../../vault/recoveryPoint.ts';
import type { TestServer } from './testServer.ts';

const DAY_MS = 86_400_000;

/** Puts a point of the first item of the database, `daysAgo` old, in vault and snapshot unless told otherwise. */
export async function addPoint(
  server: TestServer,
  id: string,
  daysAgo: number,
  more: Partial<RecoveryPoint> = {},
): Promise<RecoveryPoint> {
  const item = (await listItems(server.db.queries))[0];
  if (!item) throw new Error('protect a machine first');
  const takenAt = server.clock.now() - daysAgo * DAY_MS;
  const disk = (lun: number) => ({ lun, name: `disk${lun}`, diskId: `d${lun}`, sizeBytes: 1024 });
  const point: RecoveryPoint = {
    id,
    vaultId: item.vaultId,
    itemId: item.id,
    jobId: crypto.randomUUID(),
    takenAt,
    consistency: 'application',
    snapshot: { snapshotId: `s${id}`, expiresAt: takenAt + 2 * DAY_MS },
    vaulted: { commitName: `c${id}`, cseq: Number(id), storedAt: takenAt, expiresAt: takenAt + 30 * DAY_MS },
    keptBy: ['daily', 'weekly'],
    disks: [disk(-1), disk(0)],
    excludedDisks: [disk(5)],
    machine: { osType: 'Linux' },
    ...more,
  };
  await putPoint(server.db.queries, point);
  return point;
}
