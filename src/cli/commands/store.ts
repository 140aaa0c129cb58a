import { join, resolve } from 'node:path';
import { CodedError } from '../../lib/error.ts';
import type { KeyEncryptionKey } from '../../store/keys.ts';
import { openBackend } from '../../store/openBackend.ts';
import type { Damage, RescueAccess, RescuePoint, VerifyReport } from '../../store/rescue.ts';
import { CommandFailed, UsageError } from '../exit.ts';
import { group, leaf, lunList } from '../options.ts';
import { rescueProgress } from '../rescueProgress.ts';
import { actLocally, type Local, type Shell } from '../shell.ts';
import { readUserFile } from '../userFile.ts';

export const storeCommands = (shell: Shell) =>
  group('store', 'Rescue: read a store with its key alone, without the server', [
    list(shell),
    restore(shell),
    verify(shell),
  ]);

const onStore = (name: string, summary: string) =>
  leaf(name, summary)
    .requiredOption('--folder <folder>', "the store's folder")
    .option('--key-file <file>', 'its key: a file of 32 bytes')
    .option('--passphrase-file <file>', 'a file that holds its passphrase, where the store has one');

interface StoreOptions {
  readonly folder: string;
  readonly keyFile?: string | undefined;
  readonly passphraseFile?: string | undefined;
}

const KEY_BYTES = 32;

async function access({ terminal, signal }: Local, options: StoreOptions): Promise<RescueAccess> {
  return {
    backend: openBackend({ kind: 'disk', folder: resolve(terminal.cwd, options.folder) }),
    kek: await readKey(options, terminal.cwd),
    signal,
  };
}

async function readKey({ keyFile, passphraseFile }: StoreOptions, cwd: string): Promise<KeyEncryptionKey> {
  if ((keyFile === undefined) === (passphraseFile === undefined)) {
    throw new UsageError("one of '--key-file <file>' and '--passphrase-file <file>' must be specified");
  }
  if (passphraseFile !== undefined) {
    const text = await readBytes(resolve(cwd, passphraseFile), '--passphrase-file <file>');
    return { kind: 'passphrase', passphrase: new TextDecoder().decode(text).replace(/\r?\n$/, '') };
  }
  const bytes = await readBytes(resolve(cwd, keyFile ?? ''), '--key-file <file>');
  if (bytes.length === KEY_BYTES) return { kind: 'file', bytes };
  throw new UsageError(`option '--key-file <file>' names a file of ${bytes.length} bytes; a key has ${KEY_BYTES}`);
}

const readBytes = (file: string, option: string): Promise<Uint8Array> =>
  readUserFile(file, (why) => new UsageError(`option '${option}' names a file that cannot be read: ${file} (${why})`));

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

/** Does the work and shows how it goes; `fault` says what is wrong with a result that is a failure. */
async function shown<T>(
  local: Local,
  title: string,
  work: (onProgress: NonNullable<RescueAccess['onProgress']>) => Promise<T>,
  fault: (result: T) => string | undefined = () => undefined,
): Promise<T> {
  const progress = rescueProgress(local, title);
  try {
    const result = await work(progress.update);
    const why = fault(result);
    progress.end(why === undefined ? 'Completed' : 'Failed', why);
    return result;
  } catch (error) {
    progress.end();
    throw error;
  }
}

function failOnDamage(damages: readonly Damage[]): void {
  if (damages.length === 0) return;
  throw new CommandFailed(`The store is damaged in ${counted(damages.length, 'place')}.`, damages.map(damageLine));
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** Object, what it touches, why: each once, though the message names the first two as well. */
function damageLine({ object, message, pointId, lun, offset, length }: Damage): string {
  const range =
    offset === undefined || length === undefined ? '' : `, bytes ${offset} to ${offset + Math.max(length, 1) - 1}`;
  const where = pointId === undefined ? '' : ` (point ${pointId}, disk at LUN ${lun}${range})`;
  const why = message.replace(/^Bytes \d+ to \d+ of the disk cannot be read\. /, '');
  return `- ${object}${where}: ${why.startsWith(`${object}: `) ? why.slice(object.length + 2) : why}`;
}
