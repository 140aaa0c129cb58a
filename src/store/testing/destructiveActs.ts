import { createHash, randomBytes } from 'node:crypto';
import { inParallel } from '../../lib/inParallel.ts';
import type { Backend, ObjectInfo } from '../backend.ts';
import { DiskReader } from '../diskReader.ts';
import { newVaultKeys, wrapKeys } from '../format/vaultKeys.ts';
import { openStore } from '../store.ts';
import { backUp, CHUNK_BYTES, commitBody, KEK, newStore } from './backup.ts';
import { SparseDisk } from './sparseDisk.ts';

const DAY_MS = 86_400_000;
const MIB = 2 ** 20;

/** Something that somebody with stolen rights does. It throws when it is refused; what it returns says what it saw. */
export interface DestructiveAct {
  readonly name: string;
  readonly run: () => Promise<unknown>;
}

export interface ActRecord {
  readonly name: string;
  /** `harmless`: it was let through, and everything restores all the same. */
  readonly outcome: 'refused' | 'harmless' | 'HARMFUL';
  readonly said: string;
}

/** The points of a store and what each must restore to. */
export interface PromisedPoints {
  readonly hashes: ReadonlyMap<string, string>;
  /** All objects, as they were when the acts began. */
  readonly objects: readonly ObjectInfo[];
  /** All of them are locked at least until then, ms. */
  readonly lockedUntil: number;
}

/** A store of some points, all of it locked for 60 days. */
export const promisePoints = async (backend: Backend, now: number): Promise<PromisedPoints> => {
  const store = await newStore(backend);
  const disk = new SparseDisk(40 * MIB);
  const hashes = new Map<string, string>();
  let previous: string | null = null;
  let parent: Awaited<ReturnType<typeof backUp>>['root'] | undefined;
  for (let cseq = 1; cseq <= 4; cseq++) {
    disk.write(cseq * 7 * MIB, randomBytes(300_000));
    disk.write(MIB, randomBytes(5_000));
    const { root } = await backUp(store, disk, parent ? { parent, changes: disk.takeChanges() } : {});
    disk.takeChanges();
    const { name, bytes } = store.sealCommit(commitBody(store, cseq, root, { previous, lockUntil: now + 60 * DAY_MS }));
    await store.putCommit(name, bytes);
    previous = createHash('sha256').update(bytes).digest('hex');
    hashes.set(`point-${cseq}`, hashOfDisk(disk));
    parent = root;
  }
  const objects: ObjectInfo[] = [];
  for await (const object of backend.list('')) objects.push(object);
  const lasting = objects.filter(({ name }) => !name.startsWith('probe/'));
  for (const { name } of lasting) await backend.lock!.extend(name, now + 60 * DAY_MS);
  return { hashes, objects: lasting, lockedUntil: now + 60 * DAY_MS };
};

/** Errors: when any point is gone or restores to other bytes, or a lock was shortened. */
export const assertPromised = async (backend: Backend, points: PromisedPoints): Promise<void> => {
  const { hashes, lockedUntil } = points;
  const store = await openStore(backend, KEK);
  const found = new Map<string, string>();
  // a storage of long ways is asked for several at once
  await inParallel(store.commits(), 8, async ({ name, pointId }) => {
    if (!hashes.has(pointId) || found.get(pointId) === hashes.get(pointId)) return;
    const body = await store.openCommit(name).catch(() => undefined);
    const root = body?.disks[0]?.root;
    if (!root) return;
    const reader = new DiskReader({ backend, keys: store.workerKeys }, root);
    const cells = new Map<number, Uint8Array>();
    for await (const { index } of reader.leaves())
      await reader.readLeafCells(index, (offset, bytes) => void cells.set(offset, new Uint8Array(bytes)));
    if (found.get(pointId) !== hashes.get(pointId)) found.set(pointId, hashOfCells(cells));
  });
  for (const [point, hash] of hashes) {
    if (found.get(point) !== hash)
      throw new Error(`${point} ${found.has(point) ? 'restores to other bytes' : 'is gone'}`);
  }
  await inParallel(Object.values(victimsOf(points)), 8, async (name) => {
    const until = (await backend.lock!.retainedUntil(name)) ?? 0;
    // whole seconds are all that some storages keep
    if (until < lockedUntil - 1000) throw new Error(`${name} is locked until ${until} only`);
  });
};

/** Of what is not zero, with its places: a disk of zeros in between is soon read. */
const hashOfCells = (cells: ReadonlyMap<number, Uint8Array>): string => {
  const hash = createHash('sha256');
  for (const [offset, bytes] of [...cells].sort(([a], [b]) => a - b)) hash.update(`${offset} `).update(bytes);
  return hash.digest('hex');
};

const hashOfDisk = (disk: SparseDisk): string => {
  const cells = new Map<number, Uint8Array>();
  for (let offset = 0; offset < disk.sizeBytes; offset += CHUNK_BYTES) {
    const bytes = disk.read(offset, CHUNK_BYTES);
    if (bytes.some((byte) => byte !== 0)) cells.set(offset, bytes);
  }
  return hashOfCells(cells);
};

/** Does one act after the other and looks after each whether everything restores. */
export const performActs = async (
  acts: readonly DestructiveAct[],
  isPromised: () => Promise<void>,
): Promise<readonly ActRecord[]> => {
  const records: ActRecord[] = [];
  for (const { name, run } of acts) {
    let outcome: ActRecord['outcome'] = 'harmless';
    let said: string;
    try {
      said = String((await run()) ?? 'it was let through');
    } catch (error) {
      outcome = 'refused';
      said = (error as { readonly stderr?: string }).stderr?.trim() || (error as Error).message;
    }
    try {
      await isPromised();
    } catch (error) {
      outcome = 'HARMFUL';
      said = `${said}; then: ${(error as Error).message}`;
    }
    records.push({ name, outcome, said: said.split('\n')[0]!.slice(0, 110) });
  }
  return records;
};

export const tableOf = (records: readonly ActRecord[]): string => {
  const width = Math.max(...records.map(({ name }) => name.length));
  const lines = records.map(({ name, outcome, said }) => `${name.padEnd(width)}  ${outcome.padEnd(8)}  ${said}`);
  const counted = (outcome: ActRecord['outcome']) => records.filter((one) => one.outcome === outcome).length;
  return [
    ...lines,
    `${records.length} acts: ${counted('refused')} refused, ${counted('harmless')} harmless, ${counted('HARMFUL')} harmful`,
  ].join('\n');
};

/** One object of each class. */
export const victimsOf = ({ objects }: PromisedPoints) => {
  const largest = objects.filter(({ name }) => name.startsWith('p/')).sort((a, b) => b.sizeBytes - a.sizeBytes);
  const commits = objects.filter(({ name }) => name.startsWith('rp/')).map(({ name }) => name);
  return {
    dataPack: largest[0]!.name,
    metaPack: largest.at(-1)!.name,
    commit: commits.sort()[0]!,
    keys: 'keys/1',
    format: 'fmt',
  };
};

/** What can be tried through the port itself, whatever storage stands behind it. */
export const actsOnBackend = (worker: Backend, points: PromisedPoints, now: number): readonly DestructiveAct[] => {
  const victims = victimsOf(points);
  const { dataPack, commit } = victims;
  const junk = randomBytes(1000);
  const sha = createHash('sha256').update(junk).digest('hex');
  const packId = dataPack.split('/')[2]!.split('.')[0]!;
  const classes = Object.entries(victims);
  const shorten = (name: string, until: number) => async () => {
    const before = await worker.lock!.retainedUntil(name);
    await worker.lock!.extend(name, until);
    const after = await worker.lock!.retainedUntil(name);
    if (after! < before!) throw new Error(`SHORTENED from ${before} to ${after}`);
    return 'the lock stays as it was';
  };
  return [
    ...classes.map(([kind, name]) => ({ name: `delete: ${kind}`, run: () => worker.delete(name) })),
    ...classes.map(([kind, name]) => ({ name: `put other bytes over: ${kind}`, run: () => worker.put(name, junk) })),
    { name: 'put nothing over a commit object', run: () => worker.put(commit, new Uint8Array(0)) },
    { name: 'shorten the lock of a pack to now', run: shorten(dataPack, now) },
    { name: 'shorten the lock of a commit object to 1970', run: shorten(commit, 0) },
    {
      name: 'put a false next generation of a pack',
      run: () => worker.put(`p/${packId.slice(0, 2)}/${packId}.1.${sha}`, junk),
    },
    {
      name: 'put a false commit object of a point to come',
      run: () => worker.put(`rp/item-1/000000000005-point-5.${sha}`, junk),
    },
    {
      name: 'put a false commit object of a point that is there',
      run: () => worker.put(`rp/item-1/000000000004-point-4.${sha}`, junk),
    },
    {
      name: 'put a true commit object again under another item',
      run: async () => worker.put(`rp/item-2/${commit.split('/')[2]!}`, await worker.get(commit)),
    },
    { name: 'put a damaged newer keys object', run: () => worker.put('keys/2', junk) },
    {
      name: 'put a sound newer keys object under a key of his own',
      run: () => {
        const keys = newVaultKeys('vault-1');
        return worker.put('keys/3', wrapKeys(keys, { kind: 'file', bytes: randomBytes(32) }, 3));
      },
    },
    { name: 'put under a name that leads out of the store', run: () => worker.put('../other/fmt', junk) },
    { name: "put among the daemon's scratch files", run: () => worker.put('.tmp/x', junk) },
    { name: 'lock an object for a century', run: () => worker.lock!.extend(dataPack, now + 36_500 * DAY_MS) },
    {
      name: 'read beyond the end of a pack',
      run: () => worker.get(dataPack, { offset: 0, length: 2 ** 30 }),
    },
  ];
};
