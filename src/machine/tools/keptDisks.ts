import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncPath } from '../../lib/durableFile.ts';
import { CodedError } from '../../lib/error.ts';
import { readImageHeader } from '../imageFormat.ts';
import type { KeptDisk, NewKeptDisk, UnfinishedDisk } from '../machine.ts';
import { qemuDriver } from './nbdExport.ts';
import { runTool } from './runTool.ts';

const PARTIAL = '.partial';
const COPY_TIMEOUT_MS = 6 * 3_600_000;

/** Disk images that a host made, in a folder of its own: qcow2, which keeps the record of changes over a restart. */
export class KeptDisks {
  readonly #folder: string;
  #swept: Promise<void> | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async make({ resourceGroup, name, from, ...asked }: NewKeptDisk, signal?: AbortSignal): Promise<KeptDisk> {
    const sizeBytes = asked.sizeBytes ?? (from ? (await readImageHeader(from.path, from.format)).sizeBytes : 0);
    this.#swept ??= removePartial(this.#folder);
    await this.#swept;
    const folder = join(this.#folder, resourceGroup.toLowerCase());
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, `${name.toLowerCase()}-${randomBytes(4).toString('hex')}.qcow2`);
    const partial = path + PARTIAL;
    const options = {
      failure: 'TargetWriteFailed',
      timeoutMs: COPY_TIMEOUT_MS,
      ...(signal ? { signal } : {}),
    } as const;
    try {
      if (from) await copyImage(from, partial, sizeBytes, options);
      else await runTool('qemu-img', ['create', '-q', '-f', 'qcow2', partial, String(sizeBytes)], options);
      await syncPath(partial);
      await rename(partial, path);
    } finally {
      await rm(partial, { force: true });
    }
    await syncPath(folder);
    return { path, format: 'qcow2', sizeBytes };
  }

  /** Images of these names whose paths are not `used`. */
  async removeUnfinished(disks: readonly UnfinishedDisk[], used: ReadonlySet<string>): Promise<void> {
    for (const { resourceGroup, name } of disks) {
      const folder = join(this.#folder, resourceGroup.toLowerCase());
      const own = new RegExp(`^${RegExp.escape(name.toLowerCase())}-[0-9a-f]{8}\\.qcow2$`);
      for (const file of await readdir(folder).catch(() => []))
        if (own.test(file) && !used.has(join(folder, file))) await rm(join(folder, file), { force: true });
    }
  }

  async remove({ path }: KeptDisk): Promise<void> {
    await rm(path, { force: true });
  }
}

/** Errors: InvalidParameter when the image is larger than the disk is to be. */
async function copyImage(
  from: NonNullable<NewKeptDisk['from']>,
  to: string,
  sizeBytes: number,
  options: Parameters<typeof runTool>[2],
): Promise<void> {
  const header = await readImageHeader(from.path, from.format);
  if (header.sizeBytes > sizeBytes)
    throw new CodedError(
      'InvalidParameter',
      `diskSizeGB must be at least the size of the image, ${Math.ceil(header.sizeBytes / 2 ** 30)} GiB.`,
      { target: 'diskSizeGB' },
    );
  const driver = qemuDriver(from.format);
  await runTool('qemu-img', ['convert', '-q', '-f', driver, '-O', 'qcow2', from.path, to], options);
  await runTool('qemu-img', ['resize', '-q', '-f', 'qcow2', to, String(sizeBytes)], options);
}

/** What a process that died left behind. */
async function removePartial(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true }).catch(() => []))
    if (entry.endsWith(PARTIAL)) await rm(join(folder, entry), { force: true });
}
