import { execFile } from 'node:child_process';
import { unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isSystemError } from '../../lib/error.ts';

const run = promisify(execFile);

/** Sets and clears the file system's immutable flag: with it not even the file's owner changes or deletes it. */
export interface FileFlags {
  /** Errors: whatever `chattr` says. */
  set(paths: readonly string[]): Promise<void>;
  clear(paths: readonly string[]): Promise<void>;
}

/** The flags of files under `folder`, or why they cannot be set there. */
export const openFileFlags = async (folder: string): Promise<FileFlags | string> => {
  const trial = join(folder, 'flag-trial');
  await clearTrial(trial);
  await writeFile(trial, '', { mode: 0o600 });
  try {
    await chattr('+i', [trial]);
    const isKept = await unlink(trial).then(
      () => false,
      () => true,
    );
    return isKept ? flags : 'the file system takes the flag and deletes the file all the same';
  } catch (error) {
    return whyNot(error);
  } finally {
    await clearTrial(trial);
  }
};

const flags: FileFlags = { set: (paths) => chattr('+i', paths), clear: (paths) => chattr('-i', paths) };

const clearTrial = async (path: string): Promise<void> => {
  await chattr('-i', [path]).catch(() => {}); // it is tried, not relied on
  await unlink(path).catch((error: unknown) => {
    if (!isSystemError(error, 'ENOENT')) throw error;
  });
};

/** Paths are absolute, so none can pass for an option. */
async function chattr(flag: '+i' | '-i', paths: readonly string[]): Promise<void> {
  await run('chattr', [flag, ...paths], { env: { PATH: `${process.env.PATH}:/usr/bin:/bin` }, timeout: 60_000 });
}

const whyNot = (error: unknown): string => {
  if (isSystemError(error, 'ENOENT')) return "the program 'chattr' is not installed (package e2fsprogs)";
  const said = (error as { readonly stderr?: string }).stderr?.trim().split('\n').at(-1);
  return said || (error as Error).message;
};
