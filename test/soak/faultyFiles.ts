import type { FileCalls, OpenFile } from '../../src/store/backends/fileCalls.ts';
import { systemError } from '../../src/store/testing/volatileFiles.ts';

export type FileCall = 'create' | 'write' | 'sync' | 'syncFolder' | 'link' | 'makeFolder';

/** File calls of which one, counted from 1 over the named ones, fails; with `lasting` all later ones do too. */
export class FaultyFiles {
  /** Calls of the named kinds so far. */
  count = 0;
  failAt = Number.POSITIVE_INFINITY;
  hits = 0;
  readonly #calls: ReadonlySet<FileCall>;
  readonly #code: string;
  readonly #isLasting: boolean;

  constructor(calls: readonly FileCall[], code: string, isLasting: boolean) {
    this.#calls = new Set(calls);
    this.#code = code;
    this.#isLasting = isLasting;
  }

  /** The disk has room again. */
  mend(): void {
    this.failAt = Number.POSITIVE_INFINITY;
  }

  readonly wrap = (inner: FileCalls): FileCalls => ({
    create: async (path) => {
      this.#meet('create', path);
      return this.#file(path, await inner.create(path));
    },
    openToRead: (path) => inner.openToRead(path),
    syncFolder: async (path) => {
      this.#meet('syncFolder', path);
      await inner.syncFolder(path);
    },
    link: async (from, to) => {
      this.#meet('link', to);
      await inner.link(from, to);
    },
    unlink: (path) => inner.unlink(path),
    makeFolder: async (path) => {
      this.#meet('makeFolder', path);
      await inner.makeFolder(path);
    },
    sizeOf: (path) => inner.sizeOf(path),
    entries: (path) => inner.entries(path),
  });

  #file(path: string, file: OpenFile): OpenFile {
    return {
      write: async (bytes) => {
        this.#meet('write', path);
        return file.write(bytes);
      },
      sync: async () => {
        this.#meet('sync', path);
        await file.sync();
      },
      read: (into, position) => file.read(into, position),
      size: () => file.size(),
      close: () => file.close(),
    };
  }

  #meet(call: FileCall, path: string): void {
    if (!this.#calls.has(call)) return;
    this.count++;
    if (this.#isLasting ? this.count < this.failAt : this.count !== this.failAt) return;
    this.hits++;
    throw systemError(this.#code, path);
  }
}
