import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes a file's bytes, or a folder's entries, survive a power cut. */
export const syncPath = async (path: string): Promise<void> => {
  await using handle = await open(path, 'r');
  await handle.sync();
};

/** Writes a whole file so that after a crash either the old or the new content is there, never a part. */
export const writeFileDurably = async (path: string, content: string | Uint8Array, mode = 0o600): Promise<void> => {
  const partial = `${path}.part`;
  {
    await using handle = await open(partial, 'w', mode);
    await handle.writeFile(content);
    await handle.sync();
  }
  await rename(partial, path);
  await syncPath(dirname(path));
};
