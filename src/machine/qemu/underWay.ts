import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileDurably } from '../../lib/durableFile.ts';
import { isSystemError } from '../../lib/error.ts';

/** What a snapshot is about to put into a QEMU, written down before: whoever comes after a crash undoes it. */
export interface UnderWay {
  readonly snapshotId: string;
  readonly disks: readonly {
    readonly lun: number;
    readonly node: string;
    readonly device: string;
    readonly scratchPath: string;
  }[];
}

const FILE = 'under-way.json';
const STOPPED = 'vcpus-stopped';
const LAUNCHED = 'launched-for-snapshot';

/** Stands while the vCPUs are stopped by us and not by the machine's owner. */
export const stoppedMark = (folder: string): string => join(folder, STOPPED);

/** Stands while a powered-off machine's QEMU runs for a snapshot alone. */
export const launchedMark = (folder: string): string => join(folder, LAUNCHED);

export const writeUnderWay = (folder: string, underWay: UnderWay): Promise<void> =>
  writeFileDurably(join(folder, FILE), JSON.stringify(underWay));

export const readUnderWay = async (folder: string): Promise<UnderWay | undefined> => {
  try {
    return JSON.parse(await readFile(join(folder, FILE), 'utf8')) as UnderWay;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
};

export const clearUnderWay = (folder: string): Promise<void> => rm(join(folder, FILE), { force: true });
