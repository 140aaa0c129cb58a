import { isAbsolute, relative, resolve } from 'node:path';

/** Whether the path lies below the folder, as both are spelled. */
export const isInside = (folder: string, path: string): boolean => {
  const way = relative(resolve(folder), path);
  return way !== '' && way !== '..' && !way.startsWith('../') && !isAbsolute(way);
};

/** The rule of a disk's path, in words. */
export const mustLieIn = (folders: readonly string[]): string =>
  `must lie in ${folders.join(' or ')}; the setting STRONGROOM_DISK_ROOTS names more folders`;
