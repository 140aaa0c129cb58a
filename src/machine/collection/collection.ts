import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncPath, writeFileDurably } from '../../lib/durableFile.ts';
import { CodedError, isSystemError } from '../../lib/error.ts';
import { KeyedLock } from '../../lib/keyedLock.ts';
import type { DiskFormat, Snapshot } from '../machine.ts';

export interface StoredDisk {
  readonly lun: number;
  /** File name in the collection's folder. */
  readonly file: string;
  readonly format: DiskFormat;
  /** The bytes stand in the file as they are, from its start. */
  readonly flat: boolean;
  /** Snapshot whose file of this disk is under this one; absent: the file stands alone. */
  readonly parentId?: string;
}

export interface StoredSnapshot {
  readonly snapshot: Snapshot;
  readonly disks: readonly StoredDisk[];
  /** Let go; its files stay until what stands on them has taken over their content. */
  readonly deleted?: true;
}

interface Catalogue {
  readonly formatVersion: 1;
  readonly snapshots: readonly StoredSnapshot[];
}

const CATALOGUE = 'catalogue.json';
const POINTS = 'points';

/**
 * The restore-point collection of one machine: a folder of image files and a catalogue. The rename of the catalogue
 * is what makes a snapshot exist; a file that it does not name is a leftover.
 */
export class Collection {
  readonly folder: string;
  #snapshots: readonly StoredSnapshot[];
  #readers = 0;
  readonly #writing = new KeyedLock();

  private constructor(folder: string, snapshots: readonly StoredSnapshot[]) {
    this.folder = folder;
    this.#snapshots = snapshots;
  }

  /** Errors: SnapshotFailed when the catalogue cannot be read. */
  static async open(folder: string): Promise<Collection> {
    await mkdir(join(folder, POINTS), { recursive: true, mode: 0o700 });
    return new Collection(folder, (await readCatalogue(join(folder, CATALOGUE))).snapshots);
  }

  /** Oldest first, those let go among them. */
  get all(): readonly StoredSnapshot[] {
    return this.#snapshots;
  }

  get live(): readonly StoredSnapshot[] {
    return this.#snapshots.filter((entry) => !entry.deleted);
  }

  get hasReaders(): boolean {
    return this.#readers > 0;
  }

  entry(snapshotId: string): StoredSnapshot | undefined {
    return this.#snapshots.find((entry) => entry.snapshot.id === snapshotId);
  }

  disk(snapshotId: string, lun: number): StoredDisk | undefined {
    return this.entry(snapshotId)?.disks.find((disk) => disk.lun === lun);
  }

  path(file: string): string {
    return join(this.folder, POINTS, file);
  }

  /** Counts a reader; the answer ends it. Files are not merged while one is open. */
  read(): () => void {
    this.#readers++;
    let open = true;
    return () => {
      if (open) this.#readers--;
      open = false;
    };
  }

  /** Changes what the collection holds, one change after the other; files it names must be there and synced. */
  update(change: (snapshots: readonly StoredSnapshot[]) => readonly StoredSnapshot[]): Promise<void> {
    return this.#writing.run('', async () => {
      const catalogue: Catalogue = { formatVersion: 1, snapshots: change(this.#snapshots) };
      await syncPath(join(this.folder, POINTS));
      await writeFileDurably(join(this.folder, CATALOGUE), `${JSON.stringify(catalogue, null, 1)}\n`);
      this.#snapshots = catalogue.snapshots;
    });
  }

  /** Removes files that the catalogue does not name; returns their names. */
  async removeStrays(): Promise<string[]> {
    const named = new Set(this.#snapshots.flatMap((entry) => entry.disks.map((disk) => disk.file)));
    const strays = (await readdir(join(this.folder, POINTS))).filter((file) => !named.has(file));
    for (const file of strays) await rm(this.path(file), { force: true, recursive: true });
    return strays;
  }
}

const readCatalogue = async (path: string): Promise<Catalogue> => {
  try {
    const catalogue = JSON.parse(await readFile(path, 'utf8')) as Catalogue;
    if (catalogue.formatVersion === 1) return catalogue;
    throw new CodedError('SnapshotFailed', `${path}: formatVersion must be 1, not ${catalogue.formatVersion}`, {
      target: path,
    });
  } catch (cause) {
    if (isSystemError(cause, 'ENOENT')) return { formatVersion: 1, snapshots: [] };
    if (cause instanceof SyntaxError)
      throw new CodedError('SnapshotFailed', `${path}: not JSON`, { target: path, cause });
    throw cause;
  }
};
