import { constants, copyFile } from 'node:fs/promises';

/** A copy that shares blocks where the file system can. */
export const copyDiskFile = (from: string, to: string): Promise<void> => copyFile(from, to, constants.COPYFILE_FICLONE);
