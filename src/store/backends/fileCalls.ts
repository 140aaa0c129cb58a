import { constants } from 'node:fs';
import { type FileHandle, link, mkdir, open, readdir, stat, unlink } from 'node:fs/promises';

/** The file calls of the disk backend, each one system call: tests record them and cut the power between them. */
export interface FileCalls {
  /** A new file, mode 0600; fails with EEXIST. */
  create(path: string): Promise<OpenFile>;
  openToRead(path: string): Promise<OpenFile>;
  /** Makes entries of a folder durable. */
  syncFolder(path: string): Promise<void>;
  /** Fails with EEXIST when `to` is there. */
  link(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Mode 0700. */
  makeFolder(path: string): Promise<void>;
  sizeOf(path: string): Promise<number>;
  entries(path: string): Promise<readonly { readonly name: string; readonly isFolder: boolean }[]>;
}

export interface OpenFile {
  /** Appends; may write less. Returns the bytes written. */
  write(bytes: Uint8Array): Promise<number>;
  /** Returns the bytes read; 0 at the end. */
  read(into: Uint8Array, position: number): Promise<number>;
  size(): Promise<number>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export const nodeFileCalls: FileCalls = {
  create: async (path) =>
    new NodeFile(
      await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600),
    ),
  openToRead: async (path) => new NodeFile(await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)),
  syncFolder: async (path) => {
    await using folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    await folder.sync();
  },
  link,
  unlink,
  makeFolder: async (path) => void (await mkdir(path, { mode: 0o700 })),
  sizeOf: async (path) => (await stat(path)).size,
  entries: async (path) =>
    (await readdir(path, { withFileTypes: true })).map((entry) => ({
      name: entry.name,
      isFolder: entry.isDirectory(),
    })),
};

class NodeFile implements OpenFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(bytes: Uint8Array): Promise<number> {
    return (await this.#handle.write(bytes)).bytesWritten;
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    return (await this.#handle.read(into, 0, into.length, position)).bytesRead;
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  sync(): Promise<void> {
    return this.#handle.sync();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
