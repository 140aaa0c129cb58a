import { clearDamage, type DamagedDisk, damagesOf, forgetDamagesOfGonePoints, putDamage } from '../../db/damages.ts';
import { damagedPackIds } from '../../db/packVerification.ts';
import { markPointVerified, vaultedPoints } from '../../db/pointVerification.ts';
import { affectedRanges, type LostPacks, type LostSlots, SoundSubtrees } from '../../store/affectedRanges.ts';
import { lostSlotsOf } from '../../store/lostSlots.ts';
import type { DiskRoot } from '../../store/tree.ts';
import type { PointDisk, RecoveryPoint } from '../../vault/recoveryPoint.ts';
import type { VerifyRun } from './run.ts';

const PAGE = 200;
/** Ranges that are kept of one disk. */
const MAX_RANGES = 1000;
/** About 3 TB; of more than that, points are told of the first ones only. */
const MAX_PACKS = 200_000;

/** Writes down which ranges of which points need a damaged pack; points that need none are whole again. */
export async function tellAffectedPoints(run: VerifyRun): Promise<void> {
  const { context, vaultId } = run;
  const { queries } = context.db;
  const { lost, isAll } = await lostPacks(run);
  const notes = isAll ? [] : ['More packs are damaged than were looked at: further ranges may be lost.'];
  const sound = new SoundSubtrees();
  for (let after: RecoveryPoint | undefined; ; ) {
    const points = await vaultedPoints(queries, vaultId, { limit: PAGE, ...(after && { after }) });
    for (const point of points) await tellPoint(run, point, { lost, sound, notes });
    if (points.length < PAGE) break;
    after = points.at(-1)!;
  }
  await forgetDamagesOfGonePoints(queries, vaultId);
}

/** Not every record of a damaged pack is lost: those that open still count. */
async function lostPacks({ context, vault, vaultId }: VerifyRun): Promise<{ lost: LostPacks; isAll: boolean }> {
  const { backend, workerKeys } = vault.store;
  const ids = await damagedPackIds(context.db.queries, vaultId, MAX_PACKS + 1);
  const lost = new Map<string, LostSlots>();
  for (const id of ids.slice(0, MAX_PACKS)) {
    context.signal.throwIfAborted();
    lost.set(id, await lostSlotsOf(backend, workerKeys, id, context.signal));
  }
  return { lost, isAll: ids.length <= MAX_PACKS };
}

async function tellPoint(
  run: VerifyRun,
  point: RecoveryPoint,
  what: { readonly lost: LostPacks; readonly sound: SoundSubtrees; readonly notes: readonly string[] },
): Promise<void> {
  const { context, vaultId, startedAt } = run;
  const { queries } = context.db;
  const disks: DamagedDisk[] = [];
  for (const disk of what.lost.size > 0 ? point.disks : []) {
    const damaged = await damagedDisk(run, disk, what);
    if (damaged) disks.push(damaged);
  }
  if (disks.length === 0) {
    if (await damagesOf(queries, point)) await clearDamage(queries, point);
    return;
  }
  const { id: pointId, itemId } = point;
  await putDamage(queries, { vaultId, itemId, pointId, foundAt: startedAt, disks, notes: what.notes });
  await markPointVerified(queries, point, null);
  context.log.error(
    { vault: vaultId, item: itemId, point: pointId, disks: disks.length },
    'a recovery point is damaged',
  );
}

async function damagedDisk(
  { context, vault }: VerifyRun,
  disk: PointDisk,
  { lost, sound }: { readonly lost: LostPacks; readonly sound: SoundSubtrees },
): Promise<DamagedDisk | undefined> {
  const { backend, structKeys } = vault.store;
  const walk = { backend, keys: structKeys, lost, sound, signal: context.signal };
  const ranges: { offset: number; length: number }[] = [];
  let [rangeCount, sizeBytes] = [0, 0];
  for await (const range of affectedRanges(walk, disk.root as unknown as DiskRoot)) {
    rangeCount++;
    sizeBytes += range.length;
    if (ranges.length < MAX_RANGES) ranges.push(range);
  }
  return rangeCount === 0 ? undefined : { lun: disk.lun, name: disk.name, ranges, rangeCount, sizeBytes };
}
