import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { Random } from '../../../bench/random.ts';
import { isSystemError } from '../../../src/lib/error.ts';
import type { ProtectedItem } from '../../../src/vault/protectedItem.ts';
import { FaultyFiles } from '../faultyFiles.ts';
import { assertVault, Violation } from '../oracle.ts';
import type { Part, SoakRun } from '../part.ts';
import type { SoakProcess } from '../soakProcess.ts';
import { SoakRig } from '../soakRig.ts';
import { oneBackup } from './backupKills.ts';

const KIB = 1024;

/** The disk is full from one write on, for each write of a backup; then there is room again. */
export const fullDisk: Part = {
  name: 'full disk',
  run: async (run) => {
    const seed = run.random.uint32();
    const { writes } = await fullFrom(seed, Number.POSITIVE_INFINITY, run);
    if (writes < 5) throw new Violation(`a backup writes only ${writes} times`);
    for (const failAt of run.pick(writes, 5)) {
      if ((await fullFrom(seed, failAt, run)).hits === 0)
        throw new Violation(`the full disk prepared at write ${failAt} was never met`);
      run.count('full disks');
    }
  },
};

async function fullFrom(seed: number, failAt: number, run: SoakRun): Promise<{ writes: number; hits: number }> {
  await using rig = await preparedRig(seed);
  const faults = new FaultyFiles(['create', 'write', 'makeFolder', 'link'], 'ENOSPC', true);
  faults.failAt = failAt;
  await using process = await rig.start({ wraps: { files: faults.wrap } });
  await assertFailsAsFull(process, rig.items[0]!, faults);
  const { count: writes, hits } = faults;
  faults.mend();
  await assertBacksUpAgain(process, rig.items[0]!);
  run.count('restores checked', await assertVault(process));
  return { writes, hits };
}

/** The same on a real ext4 of 64 MiB, of which less and less is free. */
export const tinyDisk: Part = {
  name: 'tiny ext4',
  missing: () => (process.getuid?.() === 0 ? undefined : 'mounting a file system needs root'),
  run: async (run) => {
    let met = 0;
    for (const freeKib of run.isLong ? Array.from({ length: 65 }, (_, index) => index * 16) : [0, 40, 200]) {
      await using rig = await preparedRig(run.random.uint32());
      using disk = await TinyDisk.mount(join(rig.folder, 'local'));
      await using process = await rig.start();
      disk.leave(freeKib * KIB);
      const full = await assertFailsAsFull(process, rig.items[0]!);
      met += full ? 1 : 0;
      disk.empty();
      await assertBacksUpAgain(process, rig.items[0]!);
      run.count('restores checked', await assertVault(process));
    }
    if (met === 0) throw new Violation('no backup met the full disk');
    run.count('full disks', met);
  },
};

async function preparedRig(seed: number): Promise<SoakRig> {
  const rig = await SoakRig.open({ random: new Random(seed) });
  await oneBackup(rig);
  await rig.write(rig.items[0]!, 6);
  return rig;
}

/** True: it failed as it should. It may also have had room enough, or have failed at a scratch file alone. */
async function assertFailsAsFull(process: SoakProcess, item: ProtectedItem, faults?: FaultyFiles): Promise<boolean> {
  const id = await process.requestBackup(item);
  await process.settle();
  const { status, errors } = await process.job(id);
  if (status === 'Completed' && (faults?.hits ?? 0) === 0) return false;
  if (status === 'Failed' && errors[0]?.code === 'StoreFull') return true;
  throw new Violation(`the store was full, and the job says ${status} ${JSON.stringify(errors)}`);
}

async function assertBacksUpAgain(process: SoakProcess, item: ProtectedItem): Promise<void> {
  await process.rig.clock.turn(60_000);
  const id = await process.requestBackup(item);
  await process.settle();
  const { status, errors } = await process.job(id);
  if (status !== 'Completed')
    throw new Violation(`there is room again, and the job says ${status} ${JSON.stringify(errors)}`);
}

/** An ext4 in a file, mounted over a folder that keeps its content. */
class TinyDisk implements Disposable {
  readonly #folder: string;
  readonly #image: string;

  private constructor(folder: string, image: string) {
    this.#folder = folder;
    this.#image = image;
  }

  static async mount(folder: string): Promise<TinyDisk> {
    const image = `${folder}.ext4`;
    const aside = `${folder}.aside`;
    await cp(folder, aside, { recursive: true });
    writeFileSync(image, '');
    truncateSync(image, 64 * KIB * KIB);
    execFileSync('mke2fs', ['-q', '-b', '4096', '-F', '-t', 'ext4', '-m', '0', image]);
    execFileSync('mount', ['-o', 'loop', image, folder]);
    await cp(aside, folder, { recursive: true });
    mkdirSync(folder, { recursive: true });
    return new TinyDisk(folder, image);
  }

  /** Fills the disk until about so many bytes are free. */
  leave(freeBytes: number): void {
    const free = (): number => statfsSync(this.#folder).bavail * KIB * 4;
    const ballast = openSync(join(this.#folder, '.ballast'), 'w');
    try {
      const piece = Buffer.alloc(4 * KIB, 1);
      while (free() - freeBytes > 1_000_000) writeSync(ballast, Buffer.alloc(free() - freeBytes - 900_000, 1));
      while (free() > freeBytes) writeSync(ballast, piece);
    } catch (error) {
      if (!isSystemError(error, 'ENOSPC')) throw error; // fuller than it said
    } finally {
      closeSync(ballast);
    }
  }

  empty(): void {
    rmSync(join(this.#folder, '.ballast'), { force: true });
  }

  [Symbol.dispose](): void {
    execFileSync('umount', [this.#folder]);
    rmSync(this.#image);
  }
}
