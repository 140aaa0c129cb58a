import { dirname } from 'node:path';
import type { FileCalls, OpenFile } from '../backends/fileCalls.ts';

export class PowerCut extends Error {
  override readonly name = 'PowerCut';
}

interface FileNode {
  bytes: Buffer;
  /** What the platter holds. */
  durable: Buffer;
}

interface Folder {
  entries: Map<string, FileNode | 'folder'>;
  durable: Map<string, FileNode | 'folder'>;
}

export const systemError = (code: string, path: string): Error =>
  Object.assign(new Error(`${code}: ${path}`), { code, syscall: 'test' });

/**
 * A file system in memory that forgets like a real one: after a power cut a file has what was synced of it and
 * maybe more, a folder the entries that were synced and maybe others. It records its calls.
 */
export class VolatileFiles implements FileCalls {
  readonly calls: string[] = [];
  /** The power goes before this call, counted from 1. */
  cutAt = Number.POSITIVE_INFINITY;
  /** Code of the error that the next call of this name meets, as in `{ sync: 'EIO' }`. */
  readonly faults: Record<string, string | undefined> = {};
  /** The most that one write takes. */
  writeBytes = Number.POSITIVE_INFINITY;
  readonly #folders = new Map<string, Folder>([['/', { entries: new Map(), durable: new Map() }]]);

  async create(path: string): Promise<OpenFile> {
    this.#call('create', path);
    const entries = this.#entriesOf(dirname(path));
    if (entries.has(path)) throw systemError('EEXIST', path);
    const node: FileNode = { bytes: Buffer.alloc(0), durable: Buffer.alloc(0) };
    entries.set(path, node);
    return this.#handle(path, node);
  }

  async openToRead(path: string): Promise<OpenFile> {
    return this.#handle(path, this.#file(path));
  }

  async syncFolder(path: string): Promise<void> {
    this.#call('syncFolder', path);
    const folder = this.#folder(path);
    folder.durable = new Map(folder.entries);
  }

  async link(from: string, to: string): Promise<void> {
    this.#call('link', to);
    const entries = this.#entriesOf(dirname(to));
    if (entries.has(to)) throw systemError('EEXIST', to);
    entries.set(to, this.#file(from));
  }

  async unlink(path: string): Promise<void> {
    this.#call('unlink', path);
    this.#file(path);
    this.#entriesOf(dirname(path)).delete(path);
  }

  async makeFolder(path: string): Promise<void> {
    this.#call('makeFolder', path);
    const entries = this.#entriesOf(dirname(path));
    if (entries.has(path)) throw systemError('EEXIST', path);
    entries.set(path, 'folder');
    this.#folders.set(path, { entries: new Map(), durable: new Map() });
  }

  async sizeOf(path: string): Promise<number> {
    if (this.#folders.has(path)) return 0;
    return this.#file(path).bytes.length;
  }

  async entries(path: string): ReturnType<FileCalls['entries']> {
    return [...this.#entriesOf(path)].map(([name, node]) => ({
      name: name.slice(name.lastIndexOf('/') + 1),
      isFolder: node === 'folder',
    }));
  }

  /** The disk as the next start finds it. `survives` decides for each thing that was never synced. */
  afterPowerCut(survives: () => boolean): VolatileFiles {
    const next = new VolatileFiles();
    const files = new Map<FileNode, FileNode>();
    const copyFile = (node: FileNode): FileNode => {
      const torn = node.bytes.subarray(0, Math.floor(node.bytes.length / 2));
      const bytes = node.durable.length > 0 ? node.durable : survives() ? torn : Buffer.alloc(0);
      const copy = files.get(node) ?? { bytes: Buffer.from(bytes), durable: Buffer.from(bytes) };
      files.set(node, copy);
      return copy;
    };
    const copyFolder = (path: string): void => {
      const folder = this.#folders.get(path)!;
      const entries = new Map<string, FileNode | 'folder'>();
      for (const name of new Set([...folder.durable.keys(), ...folder.entries.keys()])) {
        const [before, now] = [folder.durable.get(name), folder.entries.get(name)];
        const node = before === now ? now : survives() ? now : before;
        if (node) entries.set(name, node === 'folder' ? node : copyFile(node));
      }
      next.#folders.set(path, { entries, durable: new Map(entries) });
      for (const [name, node] of entries) if (node === 'folder') copyFolder(name);
    };
    copyFolder('/');
    return next;
  }

  #call(call: string, path: string): void {
    if (this.calls.length + 1 >= this.cutAt) throw new PowerCut(`before ${call} ${path}`);
    this.calls.push(`${call} ${path}`);
    const fault = this.faults[call];
    delete this.faults[call];
    if (fault) throw systemError(fault, path);
  }

  #folder(path: string): Folder {
    const folder = this.#folders.get(path);
    if (!folder) throw systemError('ENOENT', path);
    return folder;
  }

  #entriesOf(path: string): Map<string, FileNode | 'folder'> {
    return this.#folder(path).entries;
  }

  #file(path: string): FileNode {
    const node = this.#folders.get(dirname(path))?.entries.get(path);
    if (!node || node === 'folder') throw systemError('ENOENT', path);
    return node;
  }

  #handle(path: string, node: FileNode): OpenFile {
    return {
      write: async (bytes) => {
        this.#call('write', path);
        const taken = bytes.subarray(0, this.writeBytes);
        node.bytes = Buffer.concat([node.bytes, taken]);
        return taken.length;
      },
      read: async (into, position) => node.bytes.copy(into, 0, position, position + into.length),
      size: async () => node.bytes.length,
      sync: async () => {
        this.#call('sync', path);
        node.durable = node.bytes;
      },
      close: async () => this.#call('close', path),
    };
  }
}
