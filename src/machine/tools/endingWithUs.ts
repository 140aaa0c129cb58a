import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A command line whose process the kernel kills when ours dies. Where util-linux's setpriv is not installed it is the
 * plain command line.
 */
export const endingWithUs = async (command: string, args: readonly string[]): Promise<[string, readonly string[]]> =>
  (await isInstalled('setpriv')) ? ['setpriv', ['--pdeathsig', 'KILL', '--', command, ...args]] : [command, args];

const isInstalled = async (tool: string): Promise<boolean> => {
  for (const folder of (process.env.PATH ?? '').split(':')) {
    const found = await access(join(folder, tool), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return true;
  }
  return false;
};
