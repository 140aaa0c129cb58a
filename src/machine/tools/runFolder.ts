import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { CodedError } from '../../lib/error.ts';
import { isAlive } from './isAlive.ts';
import { endExport } from './nbdExport.ts';

/** A socket's path must fit in 107 bytes; this leaves room for a file name. */
const MAX_FOLDER_BYTES = 70;

/**
 * The folder of a host's sockets: in its state folder, or, where that makes paths too long for a socket, in the
 * system's temporary folder under a name that the same state folder always gives. Only our user may enter.
 * Errors: HostUnavailable when somebody else owns it.
 */
export const openRunFolder = async (stateFolder: string): Promise<string> => {
  const owner = process.getuid?.() ?? 0;
  const near = join(resolve(stateFolder), 'run');
  const short = join(tmpdir(), `strongroom-${owner}-${createHash('sha256').update(near).digest('hex').slice(0, 12)}`);
  const folder = Buffer.byteLength(near) <= MAX_FOLDER_BYTES ? near : short;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { uid } = await lstat(folder).then((found) => (found.isDirectory() ? found : { uid: -1 }));
  if (uid !== owner)
    throw new CodedError('HostUnavailable', `${folder}: must be a folder owned by user ${owner}`, { target: folder });
  await chmod(folder, 0o700);
  await removeDeadExports(folder);
  return folder;
};

/** Exports end with the process that read them; what is left is the name of a socket, and at worst who listens there. */
const removeDeadExports = async (folder: string): Promise<void> => {
  for (const name of await readdir(folder)) {
    const pid = /^(\d+)-[0-9a-f]+\.nbd$/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) await endExport(join(folder, name));
  }
};
