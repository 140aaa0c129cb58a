import { join, resolve } from 'node:path';
import { CodedError } from '../../lib/error.ts';
import type { RescuePoint, VerifyReport } from '../../store/rescue.ts';
import { UsageError } from '../exit.ts';
import { group, lunList } from '../options.ts';
import { actLocally, type Shell } from '../shell.ts';
import { access, onStore } from '../storeAccess.ts';
import { counted, failOnDamage, shown } from '../storeWork.ts';
import { storeKeyCommands } from './storeKeys.ts';
import { probe } from './storeProbe.ts';
import { rebuild } from './storeRebuild.ts';
import { serve } from './storeServe.ts';

export const storeCommands = (shell: Shell) =>
  group('store', 'Rescue: read a store with its key alone, without the server', [
    list(shell),
    restore(shell),
    verify(shell),
    ...storeKeyCommands(shell),
    serve(shell),
    probe(shell),
    rebuild(shell),
  ]);

const list = (shell: Shell) =>
  onStore('list', 'List the recovery points of a store').action(
    actLocally(shell, async (local, options) => {
      const { listPoints } = await import('../../store/rescue.ts');
      const { vaultId, points, damages } = await listPoints(await access(local, options));
      await local.print(points.map((point) => pointRow(vaultId, point)));
      failOnDamage(damages);
    }),
  );

const pointRow = (vaultId: string, point: RescuePoint): unknown => ({
  pointId: point.pointId,
  takenAt: new Date(point.takenAt).toISOString(),
  machine: machineName(point.machine),
  consistency: point.consistency,
  expiresAt: point.expiresAt === null ? null : new Date(point.expiresAt).toISOString(),
  itemId: point.itemId,
  vaultId,
  disks: point.disks,
});

function machineName(machine: unknown): string | null {
  if (typeof machine !== 'object' || machine === null || !('name' in machine)) return null;
  return typeof machine.name === 'string' ? machine.name : null;
}

const restore = (shell: Shell) =>
  onStore('restore', "Write a recovery point's disks as raw images")
    .requiredOption('--point <id>', 'the recovery point')
    .requiredOption('--target-folder <folder>', 'where the images go; it must exist')
    .option('--diskslist <luns...>', 'only these disks, by LUN; -1 is the OS disk', lunList)
    .action(
      actLocally(shell, async (local, options) => {
        const { listPoints, restoreDisk } = await import('../../store/rescue.ts');
        const opened = await access(local, options);
        const { points } = await listPoints(opened);
        const point = points.find(({ pointId }) => pointId === options.point);
        if (!point) {
          throw new CodedError('ResourceNotFound', `The store holds no recovery point '${options.point}'.`, {
            target: options.point,
            recommendations: ['`strongroom store list` shows the points of a store.'],
          });
        }
        const written: unknown[] = [];
        for (const disk of chosenDisks(point, options.diskslist)) {
          const targetPath = join(resolve(local.terminal.cwd, options.targetFolder), fileName(point, disk));
          const what = { pointId: point.pointId, lun: disk.lun, targetPath };
          const done = await shown(local, `Restore ${disk.name}`, (onProgress) =>
            restoreDisk({ ...opened, onProgress }, what),
          );
          written.push({ ...disk, file: targetPath, ...done });
        }
        return written;
      }),
    );

type PointDisk = RescuePoint['disks'][number];

function chosenDisks({ disks, pointId }: RescuePoint, chosen: readonly number[] | undefined): readonly PointDisk[] {
  const missing = chosen?.find((lun) => !disks.some((disk) => disk.lun === lun));
  if (missing === undefined) return disks.filter(({ lun }) => chosen?.includes(lun) ?? true);
  const legal = disks.map(({ lun }) => lun).join(', ');
  throw new UsageError(`option '--diskslist <luns...>' argument '${missing}': point ${pointId} has the LUNs ${legal}`);
}

/** As a restore by the server names it. A name comes from the store: nothing of it may lead out of the folder. */
const fileName = ({ machine, pointId }: RescuePoint, { lun }: PointDisk): string =>
  `${(machineName(machine) ?? pointId).replace(/[^A-Za-z0-9._-]/g, '_')}-${lun === -1 ? 'os' : lun}.raw`;

const verify = (shell: Shell) =>
  onStore('verify', 'Open and check every chunk of a store')
    .option('--point <id>', 'only this recovery point')
    .action(
      actLocally(shell, async (local, options) => {
        const { verifyAll, verifyPoint } = await import('../../store/rescue.ts');
        const opened = await access(local, options);
        const report = await shown(
          local,
          'Verify',
          (onProgress): Promise<VerifyReport> =>
            options.point === undefined
              ? verifyAll({ ...opened, onProgress })
              : verifyPoint({ ...opened, onProgress }, options.point),
          ({ damages }) => (damages.length === 0 ? undefined : counted(damages.length, 'damage')),
        );
        await local.print(report);
        failOnDamage(report.damages);
      }),
    );
