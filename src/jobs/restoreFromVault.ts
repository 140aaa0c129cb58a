import { CodedError, isCoded } from '../lib/error.ts';
import type { BadRead } from '../store/secondOpinion.ts';
import type { DiskRoot } from '../store/tree.ts';
import type { PointDisk, RecoveryPoint } from '../vault/recoveryPoint.ts';
import type { JobContext } from './context.ts';
import { noteBadRead, noteDamage } from './noteDamage.ts';
import { restoreDisk } from './restoreDisk.ts';
import type { RestoreTarget } from './restoreTarget.ts';

export interface VaultDisk {
  readonly point: RecoveryPoint;
  readonly disk: PointDisk;
  readonly targetPath: string;
}

/**
 * Writes one disk of a vaulted point. A read that another copy makes good is noted for the next verification and the
 * restore goes on; damage without a good copy is noted and ends it. Errors: those of restoreDisk; damage names point,
 * disk, range and object.
 */
export async function restoreFromVault(
  context: JobContext,
  { point, disk, targetPath }: VaultDisk,
  onBytes: (bytesDone: number) => void,
): Promise<void> {
  const { stores, workers, signal, job } = context;
  const { target } = job.parameters as { readonly target?: Partial<RestoreTarget> };
  const vault = await (target?.fromSecondary ? stores.openSecondary(point.vaultId) : stores.open(point.vaultId));
  const noted = new Map<string, Promise<void>>();
  const onBadRead = (bad: BadRead): void => {
    if (!noted.has(bad.object)) noted.set(bad.object, noteBadRead(context, point.vaultId, bad));
  };
  try {
    await restoreDisk({
      backend: vault.spec,
      keys: vault.store.workerKeys,
      root: disk.root as unknown as DiskRoot,
      targetPath,
      workers,
      signal,
      onProgress: ({ bytesDone }) => onBytes(bytesDone),
      onBadRead,
    });
  } catch (error) {
    await noteDamage(context, vault, error);
    throw withPlace(error, point, disk);
  } finally {
    await Promise.all(noted.values());
  }
}

const withPlace = (error: unknown, point: RecoveryPoint, disk: PointDisk): unknown => {
  if (!isCoded(error, 'StoreDataDamaged') && !isCoded(error, 'StoreObjectMissing')) return error;
  const where = `Recovery point ${point.id}, disk '${disk.name}' (LUN ${disk.lun})`;
  return new CodedError(error.code, `${where}: ${error.message}`, {
    ...(error.target !== undefined && { target: error.target }),
    details: error.details,
    recommendations: [
      'Restore another recovery point, or the disks of this one that are whole; the next backup stores the lost bytes anew.',
      'A verification of the store shows what is damaged, and repairs it where a good copy is left.',
    ],
    cause: error,
  });
};
