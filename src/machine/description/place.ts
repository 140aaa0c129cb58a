import { realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { CodedError, isSystemError } from '../../lib/error.ts';
import type { MachineDescription } from '../description.ts';
import { isInside, mustLieIn } from './roots.ts';

/** Where a host's descriptions lie, and where the disks that they name may. */
export interface FolderPlace {
  readonly folder: string;
  readonly stateFolder: string;
  readonly diskRoots: readonly string[];
}

/** A path as it is written down: relative to the descriptions where it moves along with them, absolute elsewhere. */
export const portablePath = (place: FolderPlace, path: string): string =>
  isAbsolute(path) && [place.folder, place.stateFolder].some((root) => isInside(root, path))
    ? relative(place.folder, path)
    : path;

/** The folders that disks may lie in, under every name they have. */
export const legalRoots = async (place: FolderPlace): Promise<readonly string[]> => {
  const roots = [place.folder, place.stateFolder, ...place.diskRoots].map((root) => resolve(root));
  const real = await Promise.all(roots.map(withoutLinks));
  return [...new Set([...roots, ...real])];
};

/**
 * A description names a file, and a symbolic link in its path may lead anywhere: the file itself must lie in a root.
 * Errors: MachineDescriptionInvalid.
 */
export const checkDiskPlaces = async (
  { disks }: MachineDescription,
  file: string,
  roots: readonly string[],
): Promise<void> => {
  for (const { name, path } of disks) {
    const invalid = (why: string, cause?: unknown) =>
      new CodedError('MachineDescriptionInvalid', `${basename(file)}: disks.path of ${name} ${why}`, {
        target: 'disks.path',
        cause,
      });
    const real = await withoutLinks(path).catch((cause: unknown) => {
      throw invalid('cannot be looked up', cause);
    });
    if (!roots.some((root) => isInside(root, real))) throw invalid(`leads to ${real}; it ${mustLieIn(roots)}`);
  }
};

/** The path with its symbolic links followed, as far as it exists. */
const withoutLinks = async (path: string): Promise<string> => {
  try {
    return await realpath(path);
  } catch (error) {
    if (!isSystemError(error, 'ENOENT') && !isSystemError(error, 'ENOTDIR')) throw error;
    const folder = dirname(path);
    return folder === path ? path : join(await withoutLinks(folder), basename(path));
  }
};
