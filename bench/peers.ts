import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { inTurn, type Measured, measure } from './measure.ts';

/** A tool under measurement. Each step works on the state the one before left. */
export interface Contender {
  readonly name: string;
  /** What is not installed is said and skipped. */
  readonly missing?: string;
  prepare(): Promise<void>;
  full(image: string): Promise<Measured>;
  /** The next day, told what changed; undefined: the tool cannot be told. */
  tracked?(image: string, changes: string): Promise<Measured>;
  /** The next day, reading all of it. */
  reread?(image: string): Promise<Measured>;
  /** Another machine made from the same base. */
  second?(image: string): Promise<Measured>;
  /** A full backup that is told where data is. */
  listed?(image: string, extents: string): Promise<Measured>;
  /** The last backup of `image` into `target`. */
  restore(image: string, target: string): Promise<Measured>;
  /** Reads and proves every byte of the store. */
  verify?(): Promise<Measured>;
  /** Lets the first backup go and frees what it alone needed. */
  collect?(): Promise<Measured>;
  readonly folder: string;
}

const absent = (tool: string): string | undefined =>
  spawnSync(tool, ['--version'], { stdio: 'ignore' }).error && spawnSync(tool, ['version'], { stdio: 'ignore' }).error
    ? `${tool} is not installed`
    : undefined;

const withMissing = (tool: string) => {
  const missing = absent(tool);
  return missing === undefined ? {} : { missing };
};

/** borg with chunks that suit disk images, told to skip holes, encrypted as ours is. */
export function borg(work: string): Contender {
  const folder = join(work, 'borg');
  const env = {
    BORG_BASE_DIR: join(work, 'borg-home'),
    BORG_PASSPHRASE: 'bench',
    BORG_RELOCATED_REPO_ACCESS_IS_OK: 'yes',
  };
  const create = (archive: string, image: string) =>
    measure(
      'borg',
      [
        'create',
        '--sparse',
        '--chunker-params',
        'fixed,4194304',
        '--compression',
        'zstd,1',
        `${folder}::${archive}`,
        image,
      ],
      { env },
    );
  return {
    name: 'borg',
    ...withMissing('borg'),
    folder,
    prepare: async () => {
      mkdirSync(env.BORG_BASE_DIR, { recursive: true });
      execFileSync('borg', ['init', '-e', 'repokey-blake2', folder], {
        env: { ...process.env, ...env },
        stdio: 'ignore',
      });
    },
    full: (image) => create('full', image),
    reread: (image) => create('next', image),
    second: (image) => create('second', image),
    verify: () => measure('borg', ['check', '--verify-data', folder], { env }),
    collect: () =>
      inTurn([
        () => measure('borg', ['delete', `${folder}::full`], { env }),
        () => measure('borg', ['compact', folder], { env }),
      ]),
    restore: async (image, target) => {
      const into = `${target}.borg`;
      mkdirSync(into, { recursive: true });
      const measured = await measure('borg', ['extract', '--sparse', `${folder}::next`], { env, cwd: into });
      renameSync(join(into, image), target);
      rmSync(into, { recursive: true });
      return measured;
    },
  };
}

export function restic(work: string): Contender {
  const folder = join(work, 'restic');
  const env = { RESTIC_REPOSITORY: folder, RESTIC_PASSWORD: 'bench', RESTIC_CACHE_DIR: join(work, 'restic-cache') };
  const backup = (tag: string, image: string) => measure('restic', ['backup', '-q', '--tag', tag, image], { env });
  return {
    name: 'restic',
    ...withMissing('restic'),
    folder,
    prepare: async () => {
      execFileSync('restic', ['init', '-q'], { env: { ...process.env, ...env }, stdio: 'ignore' });
    },
    full: (image) => backup('full', image),
    reread: (image) => backup('next', image),
    second: (image) => backup('second', image),
    verify: () => measure('restic', ['check', '-q', '--read-data'], { env }),
    collect: async () => {
      const listing = execFileSync('restic', ['snapshots', '--tag', 'full', '--json'], {
        env: { ...process.env, ...env },
      });
      const [{ id }] = JSON.parse(listing.toString()) as [{ id: string }];
      return measure('restic', ['forget', '-q', id, '--prune'], { env });
    },
    restore: async (image, target) => {
      const into = `${target}.restic`;
      const measured = await measure('restic', ['restore', '-q', 'latest', '--tag', 'next', '--target', into], { env });
      renameSync(join(into, image), target);
      rmSync(into, { recursive: true });
      return measured;
    },
  };
}

/** No history and no encryption: every day is a full copy. */
export function qemuImg(work: string): Contender {
  const folder = join(work, 'qemu-img');
  const convert = (image: string, to: string) =>
    measure('qemu-img', [
      'convert',
      '-c',
      '-W',
      '-m',
      '16',
      '-o',
      'compression_type=zstd',
      '-f',
      'raw',
      '-O',
      'qcow2',
      image,
      join(folder, to),
    ]);
  return {
    name: 'qemu-img -c',
    ...withMissing('qemu-img'),
    folder,
    prepare: async () => {
      mkdirSync(folder, { recursive: true });
    },
    full: (image) => convert(image, 'full.qcow2'),
    reread: (image) => convert(image, 'next.qcow2'),
    second: (image) => convert(image, 'second.qcow2'),
    restore: (_image, target) =>
      measure('qemu-img', [
        'convert',
        '-W',
        '-m',
        '16',
        '-f',
        'qcow2',
        '-O',
        'raw',
        join(folder, 'next.qcow2'),
        target,
      ]),
  };
}

/** This project's data path, in a process of its own. */
export function strongroom(work: string): Contender {
  const folder = join(work, 'strongroom');
  const point = (name: string) => join(work, `${name}.root`);
  let cseq = 0;
  const script = join(import.meta.dirname, 'ours.ts');
  const run = (action: string, ...args: string[]) =>
    measure(process.execPath, [script, action, '--store', folder, '--dedupe', join(work, 'hints.sqlite'), ...args], {
      env: { NODE_COMPILE_CACHE: join(work, 'compiled') },
      warmUp: [script, 'warm', '--store', folder],
    });
  const backup = (image: string, to: string, ...args: string[]) =>
    run('backup', '--image', image, '--point', point(to), '--cseq', String(++cseq), ...args);
  return {
    name: 'strongroom',
    folder,
    prepare: async () => {
      await run('create');
    },
    full: (image) => backup(image, 'full'),
    tracked: (image, changes) => backup(image, 'next', '--changes', changes, '--parent', point('full')),
    reread: (image) => backup(image, 'reread', '--parent', point('full')),
    second: (image) => backup(image, 'second'),
    listed: (image, extents) => backup(image, 'listed', '--extents', extents),
    verify: () => run('verify'),
    collect: async () => {
      const { execPath } = process;
      const collecting = join(import.meta.dirname, 'oursCollect.ts');
      execFileSync(execPath, [collecting, 'catalogue', '--store', folder]);
      const env = { NODE_COMPILE_CACHE: join(work, 'compiled') };
      return measure(execPath, [collecting, 'collect', '--store', folder], {
        env,
        warmUp: [script, 'warm', '--store', folder],
      });
    },
    restore: (_image, target) => run('restore', '--image', target, '--point', point('next')),
  };
}
