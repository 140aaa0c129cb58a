import { copyFileSync, cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../../bench/random.ts';
import type { Backend } from '../../../src/store/backend.ts';
import { DiskBackend } from '../../../src/store/backends/disk.ts';
import type { FileCalls, OpenFile } from '../../../src/store/backends/fileCalls.ts';
import { openBackend } from '../../../src/store/openBackend.ts';
import { VolatileFiles } from '../../../src/store/testing/volatileFiles.ts';
import { assertVault, Violation } from '../oracle.ts';
import type { Part, SoakRun } from '../part.ts';
import type { SoakProcess } from '../soakProcess.ts';
import { SoakRig } from '../soakRig.ts';
import { collect } from './collectKills.ts';

/**
 * The power goes before each file call of a vault's day, and the disk keeps none, some or all of what was never
 * synced. Each such image is opened with the database as it was committed by then, gone on with, and judged.
 */
export const crashImages: Part = {
  name: 'crash images',
  run: async (run) => {
    const seed = run.random.uint32();
    const { calls } = await day(run, seed, 0, 0);
    if (calls < 40) throw new Violation(`a day has only ${calls} file calls`);
    const every = run.isLong ? 1 : Math.ceil(calls / 16);
    await day(run, seed, every, 1 + run.random.below(every));
    run.note(
      `before ${run.isLong ? 'each' : 'some'} of ${calls} file calls${run.isOver ? ', as far as time allowed' : ''}`,
    );
  },
};

/** Takes an image before every `every`-th file call, from the `first` on; none when `every` is 0. */
async function day(run: SoakRun, seed: number, every: number, first: number): Promise<{ calls: number }> {
  await using rig = await SoakRig.open({ random: new Random(seed), machines: 2 });
  const files = new VolatileFiles();
  await fill(new DiskBackend('/store', files), openBackend({ kind: 'disk', folder: rig.storeFolder() }));
  let calls = 0;
  const take = async (): Promise<void> => {
    calls++;
    if (run.isOver || every === 0 || calls < first || (calls - first) % every !== 0) return;
    let turn = 0;
    const keeps = [() => false, () => true, () => turn++ % 2 === 0, () => turn++ % 3 === 0];
    for (const survives of run.isLong ? keeps : [keeps[run.random.below(keeps.length)]!]) {
      await judge(run, rig, files.afterPowerCut(survives), `before file call ${calls}`);
      run.count('crash images');
    }
  };
  // the world stands still while an image of it is judged
  let gate: Promise<void> = Promise.resolve();
  const beforeCall = (): Promise<void> => {
    gate = gate.then(take);
    return gate;
  };
  const open = (): Backend => new DiskBackend('/store', watched(files, beforeCall));
  await using process = await rig.start({ wraps: { open } });
  await work(process);
  return { calls };
}

/** Days of two machines: full and incremental backups, points that go, collections that condemn, drop and compact. */
async function work(process: SoakProcess): Promise<void> {
  const { rig } = process;
  await twoBackups(process);
  let dropped = 0;
  for (const waitHours of [26, 25, 7 * 24 + 25]) {
    await rig.clock.turn(waitHours * 3_600_000);
    await process.prune();
    const { propertyBag } = await collect(process);
    dropped += Number(propertyBag['Packs Dropped']);
    await assertAllCompleted(process);
  }
  if (!(dropped > 0)) throw new Violation('the collections of these days dropped nothing');
}

async function twoBackups(process: SoakProcess): Promise<void> {
  const { rig } = process;
  for (let round = 0; round < 2; round++) {
    for (const item of rig.items) {
      await rig.write(item, round === 0 ? 8 : 4);
      await process.requestBackup(item, 1);
    }
    await process.settle();
    await assertAllCompleted(process);
    await rig.clock.turn(20 * 3_600_000);
  }
}

async function assertAllCompleted({ db }: SoakProcess): Promise<void> {
  const others = await db.queries.selectFrom('jobs').select('body').where('status', '!=', 'Completed').execute();
  if (others.length > 0) throw new Violation(`a job of the day itself did not complete: ${others[0]!.body}`);
}

async function judge(run: SoakRun, rig: SoakRig, files: VolatileFiles, when: string): Promise<void> {
  const folder = join(rig.folder, 'image');
  mkdirSync(folder);
  try {
    for (const suffix of ['', '-wal']) {
      const path = `${rig.databasePath}${suffix}`;
      if (existsSync(path)) copyFileSync(path, join(folder, `db.sqlite${suffix}`));
    }
    cpSync(join(rig.folder, 'keys'), join(folder, 'keys'), { recursive: true });
    const image = rig.fork(folder);
    const store = new DiskBackend('/store', files);
    await store.removeLeftovers();
    await using process = await image.start({ wraps: { open: () => store } });
    await process.settle();
    run.count('restores checked', await assertVault(process));
  } catch (error) {
    throw new Violation(`${when}: ${(error as Error).message}`, { cause: error });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** File calls that are told of before they are made. */
const watched = (inner: FileCalls, before: () => Promise<void>): FileCalls => {
  const told = <Args extends unknown[], Result>(work: (...args: Args) => Promise<Result>) => {
    return async (...args: Args): Promise<Result> => {
      await before();
      return work(...args);
    };
  };
  const file = (open: OpenFile): OpenFile => ({
    ...open,
    write: told((bytes) => open.write(bytes)),
    sync: told(() => open.sync()),
  });
  return {
    create: told(async (path) => file(await inner.create(path))),
    openToRead: (path) => inner.openToRead(path),
    syncFolder: told((path) => inner.syncFolder(path)),
    link: told((from, to) => inner.link(from, to)),
    unlink: told((path) => inner.unlink(path)),
    makeFolder: told((path) => inner.makeFolder(path)),
    sizeOf: (path) => inner.sizeOf(path),
    entries: (path) => inner.entries(path),
  };
};

const fill = async (to: Backend, from: Backend): Promise<void> => {
  for await (const { name } of from.list('')) await to.put(name, await from.get(name));
};
