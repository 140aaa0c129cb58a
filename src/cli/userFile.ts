import { readFile } from 'node:fs/promises';
import { isSystemError } from '../lib/error.ts';

/** Reads a file that the person named; `refuse` makes the error of why it cannot be read. */
export async function readUserFile(file: string, refuse: (why: string) => Error): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(file));
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) throw refuse('there is no such file');
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (typeof code === 'string') throw refuse(code);
    throw error;
  }
}

export const readUserText = async (file: string, refuse: (why: string) => Error): Promise<string> =>
  new TextDecoder().decode(await readUserFile(file, refuse));
