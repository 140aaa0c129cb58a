import { rename, rm } from 'node:fs/promises';
import { syncPath } from '../../lib/durableFile.ts';
import { type ImageHeader, readImageHeader } from '../imageFormat.ts';
import type { Disk } from '../machine.ts';
import { createPrivateFile } from '../tools/privateFile.ts';
import { runTool } from '../tools/runTool.ts';

const COPY_TIMEOUT_MS = 24 * 3600 * 1000;

/**
 * Copies an image in its own format, sharing blocks where the file system can and keeping holes, and checks the
 * copy's header again: what was checked before may have been exchanged in between.
 */
export const copyImage = async (from: string, to: string, seen: Disk, signal?: AbortSignal): Promise<ImageHeader> => {
  const partial = `${to}.part`;
  try {
    await createPrivateFile(partial);
    const args = ['--reflink=auto', '--sparse=always', '--', from, partial];
    await runTool('cp', args, { failure: 'SnapshotFailed', timeoutMs: COPY_TIMEOUT_MS, ...(signal ? { signal } : {}) });
    const header = await readImageHeader(partial, seen.format);
    await syncPath(partial);
    await rename(partial, to);
    return header;
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
};
