import { closeSync, openSync, writeSync } from 'node:fs';
import { CodedError, isSystemError } from '../../lib/error.ts';
import { turn } from '../../lib/turn.ts';
import type { Backend } from '../../store/backend.ts';
import { DiskReader } from '../../store/diskReader.ts';
import type { WorkerKeys } from '../../store/keys.ts';
import type { OnBadRead } from '../../store/secondOpinion.ts';
import type { DiskRoot } from '../../store/tree.ts';

const TURN_EVERY_BYTES = 2 * 1024 * 1024;

/** One disk's restore as a worker needs to know it. Plain data. */
export interface RestoreSetup {
  readonly keys: WorkerKeys;
  readonly root: DiskRoot;
  readonly targetPath: string;
}

/** Everything one worker holds for one disk: its own reader and its own handle of the target. */
export class RestoreSession implements Disposable {
  readonly #reader: DiskReader;
  readonly #targetPath: string;
  readonly #file: number;

  constructor(setup: RestoreSetup, backend: Backend, onBadRead: OnBadRead) {
    this.#reader = new DiskReader({ backend, keys: setup.keys, onBadRead }, setup.root);
    this.#targetPath = setup.targetPath;
    this.#file = openTarget(setup.targetPath);
  }

  /** Writes one leaf's verified cells; answers how many bytes. */
  async restoreLeaf(index: number): Promise<number> {
    let writtenBytes = 0;
    let writtenAtTurn = 0;
    await this.#reader.readLeafCells(index, (offset, bytes) => {
      this.#write(offset, bytes);
      writtenBytes += bytes.length;
      if (writtenBytes - writtenAtTurn < TURN_EVERY_BYTES) return undefined;
      writtenAtTurn = writtenBytes;
      // the next pieces of the store are being read meanwhile
      return turn();
    });
    return writtenBytes;
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }

  #write(offset: number, bytes: Uint8Array): void {
    try {
      for (let done = 0; done < bytes.length; )
        done += writeSync(this.#file, bytes, done, bytes.length - done, offset + done);
    } catch (error) {
      throw targetFailed(this.#targetPath, error);
    }
  }
}

/** Opened for writing in place; never created, never cut. Errors: TargetWriteFailed. */
export function openTarget(path: string): number {
  try {
    return openSync(path, 'r+');
  } catch (error) {
    throw targetFailed(path, error);
  }
}

export const targetFailed = (path: string, error: unknown): CodedError =>
  new CodedError('TargetWriteFailed', `'${path}' cannot be written: ${(error as Error).message}`, {
    target: path,
    cause: error,
    ...(isSystemError(error, 'ENOSPC') ? { recommendations: ['Free space on the target or choose another one.'] } : {}),
  });
