import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isSystemError } from '../lib/error.ts';

/** Replaces a file as a whole, or not at all, and durably; the folder is made for the owner alone. */
export async function writePrivateFile(path: string, text: string, mode: 0o600 | 0o644 = 0o600): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomUUID()}.new`;
  {
    await using file = await open(temporary, 'wx', mode);
    await file.writeFile(text);
    await file.sync();
  }
  await rename(temporary, path);
  await using handle = await open(folder, 'r');
  await handle.sync();
}

/** Undefined when there is no such file. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}
