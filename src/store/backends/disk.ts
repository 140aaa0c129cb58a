import { randomBytes } from 'node:crypto';
import { dirname, join, resolve } from 'node:path';
import { CodedError, isSystemError } from '../../lib/error.ts';
import type { Backend, ObjectInfo, ObjectRange } from '../backend.ts';
import { assertObjectName } from '../format/names.ts';
import { objectMissing, rangeOutside } from './failures.ts';
import { type FileCalls, nodeFileCalls, type OpenFile } from './fileCalls.ts';

/** Where files are written before they get their name; the dot keeps it from being an object's. */
export const SCRATCH_FOLDER = '.tmp';

/**
 * Objects as files of a local folder. Order of a put: write under a scratch name, fsync, close, link to the final
 * name, fsync the folder. A file or folder whose fsync failed is never trusted again: the kernel may have dropped
 * the pages, and a second fsync would succeed.
 */
export class DiskBackend implements Backend {
  readonly #root: string;
  readonly #files: FileCalls;
  /** Folders whose own entry this process knows to be durable. */
  readonly #madeFolders = new Set<string>();
  readonly #brokenFolders = new Set<string>();

  constructor(folder: string, files: FileCalls = nodeFileCalls) {
    this.#root = resolve(folder);
    this.#files = files;
  }

  async put(name: string, bytes: Uint8Array, signal?: AbortSignal): Promise<'created' | 'exists'> {
    assertObjectName(name);
    signal?.throwIfAborted();
    const path = join(this.#root, name);
    const scratch = join(this.#root, SCRATCH_FOLDER, `${process.pid}-${randomBytes(12).toString('hex')}`);
    const put = async (): Promise<'created' | 'exists'> => {
      await this.#makeFolder(dirname(path));
      await this.#makeFolder(dirname(scratch));
      if (await this.#isThere(path)) {
        // another process may have linked it and not yet synced the folder
        await this.#syncFolder(dirname(path));
        return 'exists';
      }
      try {
        await this.#write(scratch, bytes, signal);
        return await this.#publish(scratch, path);
      } finally {
        await this.#remove(scratch);
      }
    };
    return translated(name, async () => {
      try {
        return await put();
      } catch (error) {
        if (!isAbsent(error)) throw error;
        // somebody took the folders away: they are made anew
        this.#madeFolders.clear();
        return put();
      }
    });
  }

  async #write(path: string, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const file = await this.#files.create(path);
    try {
      for (let at = 0; at < bytes.length; ) {
        signal?.throwIfAborted();
        at += await file.write(bytes.subarray(at, at + WRITE_BYTES));
      }
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async #publish(scratch: string, path: string): Promise<'created' | 'exists'> {
    let outcome: 'created' | 'exists' = 'created';
    try {
      await this.#files.link(scratch, path);
    } catch (error) {
      if (!isSystemError(error, 'EEXIST')) throw error;
      outcome = 'exists';
    }
    try {
      await this.#syncFolder(dirname(path));
    } catch (error) {
      // what may not outlive a power cut must not be found by the next process either
      if (outcome === 'created') await this.#remove(path);
      throw error;
    }
    return outcome;
  }

  async get(name: string, range?: ObjectRange): Promise<Uint8Array> {
    assertObjectName(name);
    return translated(name, async () => {
      const file = await this.#open(name);
      try {
        const { offset, length } = range ?? { offset: 0, length: await file.size() };
        const bytes = Buffer.allocUnsafeSlow(length);
        for (let at = 0; at < length; ) {
          const count = await file.read(bytes.subarray(at), offset + at);
          if (count === 0) throw rangeOutside(name, { offset, length });
          at += count;
        }
        return bytes;
      } finally {
        await file.close();
      }
    });
  }

  async #open(name: string): Promise<OpenFile> {
    try {
      return await this.#files.openToRead(join(this.#root, name));
    } catch (error) {
      if (isAbsent(error)) throw objectMissing(name);
      throw error;
    }
  }

  async head(name: string): Promise<{ readonly sizeBytes: number } | undefined> {
    assertObjectName(name);
    return translated(name, async () => {
      const sizeBytes = await this.#sizeOf(join(this.#root, name));
      return sizeBytes === undefined ? undefined : { sizeBytes };
    });
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    if (folder.split('/').some((segment) => segment.startsWith('.'))) return;
    yield* this.#walk(folder, prefix);
  }

  async *#walk(folder: string, prefix: string): AsyncIterable<ObjectInfo> {
    for (const entry of await translated(folder, () => this.#entriesOf(join(this.#root, folder.slice(0, -1))))) {
      const name = `${folder}${entry.name}`;
      if (entry.name.startsWith('.')) continue;
      if (entry.isFolder) {
        if (`${name}/`.startsWith(prefix) || prefix.startsWith(`${name}/`)) yield* this.#walk(`${name}/`, prefix);
      } else if (name.startsWith(prefix)) {
        const sizeBytes = await translated(name, () => this.#sizeOf(join(this.#root, name)));
        if (sizeBytes !== undefined) yield { name, sizeBytes };
      }
    }
  }

  async delete(name: string): Promise<void> {
    assertObjectName(name);
    const path = join(this.#root, name);
    await translated(name, async () => {
      if (await this.#remove(path)) await this.#syncFolder(dirname(path));
    });
  }

  /** Deletes what puts of dead processes left; only while no other process writes here. Returns how many. */
  async removeLeftovers(): Promise<number> {
    const scratch = join(this.#root, SCRATCH_FOLDER);
    return translated(SCRATCH_FOLDER, async () => {
      const entries = await this.#entriesOf(scratch);
      for (const entry of entries) await this.#remove(join(scratch, entry.name));
      return entries.length;
    });
  }

  /** Makes a folder and all above it, each durable before anything is put into it. */
  async #makeFolder(path: string): Promise<void> {
    if (this.#madeFolders.has(path)) return;
    const parent = dirname(path);
    // what stands above the store is not ours to sync, unless we make it
    const above = path === this.#root || !path.startsWith(this.#root);
    if (above && (await this.#isThere(path))) {
      this.#madeFolders.add(path);
      return;
    }
    await this.#makeFolder(parent);
    try {
      await this.#files.makeFolder(path);
    } catch (error) {
      if (!isSystemError(error, 'EEXIST')) throw error;
    }
    await this.#syncFolder(parent);
    this.#madeFolders.add(path);
  }

  async #syncFolder(path: string): Promise<void> {
    if (!this.#brokenFolders.has(path)) {
      try {
        await this.#files.syncFolder(path);
        return;
      } catch (error) {
        // a folder that is gone took its entries with it: no page of it was dropped behind our back
        if (!isAbsent(error)) this.#brokenFolders.add(path);
        throw error;
      }
    }
    throw new CodedError(
      'StoreIoFailed',
      `The folder '${path}' failed to sync before; nothing more is written to it.`,
      {
        target: path,
        recommendations: ['Check the disk, then restart.'],
      },
    );
  }

  async #isThere(path: string): Promise<boolean> {
    return (await this.#sizeOf(path)) !== undefined;
  }

  async #sizeOf(path: string): Promise<number | undefined> {
    try {
      return await this.#files.sizeOf(path);
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  async #entriesOf(path: string): ReturnType<FileCalls['entries']> {
    try {
      return await this.#files.entries(path);
    } catch (error) {
      if (isAbsent(error)) return [];
      throw error;
    }
  }

  async #remove(path: string): Promise<boolean> {
    try {
      await this.#files.unlink(path);
      return true;
    } catch (error) {
      if (isAbsent(error)) return false;
      throw error;
    }
  }
}

const WRITE_BYTES = 8 * 1024 * 1024;

const isAbsent = (error: unknown): boolean => isSystemError(error, 'ENOENT') || isSystemError(error, 'ENOTDIR');

/** System errors become the store's. */
const translated = async <Result>(name: string, work: () => Promise<Result>): Promise<Result> => {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error) || error instanceof CodedError || !('syscall' in error)) throw error;
    if (isSystemError(error, 'ENOSPC') || isSystemError(error, 'EDQUOT')) {
      throw new CodedError('StoreFull', `No space left in the store for '${name}'.`, {
        target: name,
        recommendations: ['Give the store more space, or let recovery points go.'],
        cause: error,
      });
    }
    throw new CodedError('StoreIoFailed', `'${name}': ${error.message}`, { target: name, cause: error });
  }
};
