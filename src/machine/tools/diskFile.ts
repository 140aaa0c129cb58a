import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncPath } from '../../lib/durableFile.ts';
import type { DiskTarget, MachineRef, NewDisk } from '../machine.ts';

const UNCOMMITTED = '.uncommitted';

/**
 * A new sparse file of zeros for a restore to write. Until `commit` a marker lies beside it, so that
 * it is known after a crash. Errors of the file system pass through.
 */
export const createDiskFile = async (
  folder: string,
  fileName: string,
  sizeBytes: number,
  onEnd: (path: string) => void = () => {},
): Promise<DiskTarget> => {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, fileName);
  const marker = path + UNCOMMITTED;
  {
    await using mark = await open(marker, 'wx', 0o600);
    await mark.sync();
  }
  {
    await using file = await open(path, 'wx', 0o600);
    await file.truncate(sizeBytes);
  }
  let committed = false;
  return {
    path,
    async commit() {
      await syncPath(path);
      await rm(marker, { force: true });
      await syncPath(folder);
      committed = true;
      onEnd(path);
    },
    async [Symbol.asyncDispose]() {
      if (committed) return;
      await rm(path, { force: true });
      await rm(marker, { force: true });
      onEnd(path);
    },
  };
};

/** The disks that restores make on a host, a folder a machine. */
export class DiskFolder {
  readonly #stateFolder: string;
  readonly #beingWritten = new Set<string>();

  constructor(stateFolder: string) {
    this.#stateFolder = stateFolder;
  }

  async create(ref: MachineRef, disk: NewDisk): Promise<DiskTarget> {
    const name = `${disk.lun === -1 ? 'os' : disk.lun}-${randomBytes(4).toString('hex')}.raw`;
    const target = await createDiskFile(this.#folder(ref), name, disk.sizeBytes, (path) =>
      this.#beingWritten.delete(path),
    );
    this.#beingWritten.add(target.path);
    return target;
  }

  /** Removes the disks that a dead process left uncommitted; returns their paths. */
  async removeUncommitted(ref: MachineRef): Promise<string[]> {
    const folder = this.#folder(ref);
    const removed: string[] = [];
    for (const entry of await readdir(folder).catch(() => [])) {
      const path = join(folder, entry.slice(0, -UNCOMMITTED.length));
      if (!entry.endsWith(UNCOMMITTED) || this.#beingWritten.has(path)) continue;
      await rm(path, { force: true });
      await rm(join(folder, entry), { force: true });
      removed.push(path);
    }
    return removed;
  }

  #folder(ref: MachineRef): string {
    return join(this.#stateFolder, 'disks', ref.resourceGroup.toLowerCase(), ref.name.toLowerCase());
  }
}
