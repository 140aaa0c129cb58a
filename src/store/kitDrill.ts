import { randomInt } from 'node:crypto';
import { type CodedError, isCoded } from '../lib/error.ts';
import type { Backend } from './backend.ts';
import type { CommitDisk } from './commitBody.ts';
import { type Damage, damageOf } from './damage.ts';
import { DiskReader } from './diskReader.ts';
import type { KeyEncryptionKey } from './keys.ts';
import { PointVerifier } from './pointVerifier.ts';
import { newestKeysSince, openKit, readKit, withKitKeys } from './recoveryKit.ts';
import { type CommitName, openStore, type Store } from './store.ts';

export interface DrillOptions {
  /** The store that the kit is for, as it lies in one place or in several. */
  readonly backend: Backend;
  /** What the kit names but does not print: the passphrase, or the key that a command gives. */
  readonly secret?: KeyEncryptionKey;
  /** Leaves of each disk that are opened, taken by chance; absent: all. */
  readonly sampleLeaves?: number;
  readonly signal?: AbortSignal;
  /** Disks gone through. */
  readonly onProgress?: (progress: { readonly bytesDone: number; readonly bytesTotal: number }) => void;
}

export interface DrillReport {
  readonly vaultId: string;
  readonly vaultName: string;
  /** ms since 1970. */
  readonly madeAt: number;
  /** Everything that was opened is sound. */
  readonly ok: boolean;
  /** The keys changed since it was made: it opens what it always opened, and a new one is due. */
  readonly outOfDate: boolean;
  readonly keysNumber: number;
  readonly newestKeysNumber: number;
  /** Items whose newest point was opened, and all points that the store lists. */
  readonly items: number;
  readonly points: number;
  /** Bytes of disk that were opened and re-hashed. */
  readonly checkedBytes: number;
  readonly damages: readonly Damage[];
}

/**
 * Proves a recovery kit with its text and the store alone: opens the kit's own copy of the keys, and the newest point
 * of each item. Errors: RecoveryKitInvalid, StoreKeyWrong, StoreNotAVault, StoreDataDamaged (of `fmt`), StoreIoFailed.
 */
export const drillKit = async (text: string, options: DrillOptions): Promise<DrillReport> => {
  const kit = readKit(text);
  const kek = openKit(kit, options.secret);
  const store = await openStore(withKitKeys(options.backend, kit), kek);
  const newestKeysNumber = await newestKeysSince(options.backend, kit, kek);
  const { newest, points } = await newestPoints(store, options.signal);
  const damages: Damage[] = [];
  const object = `keys/${kit.keys.number}`;
  if (newestKeysNumber === kit.keys.number && !(await options.backend.head(object))) {
    damages.push({ object, message: `${object} is in the kit and no more in the store: put it back.` });
  }
  const checkedBytes = await openPoints(store, newest, options, damages);
  const { vaultId, vaultName, madeAt, keys } = kit;
  return {
    ...{ vaultId, vaultName, madeAt, ok: damages.length === 0, outOfDate: newestKeysNumber > keys.number },
    ...{ keysNumber: keys.number, newestKeysNumber, items: newest.length, points, checkedBytes, damages },
  };
};

const newestPoints = async (store: Store, signal: AbortSignal | undefined) => {
  const newest = new Map<string, CommitName>();
  let points = 0;
  for await (const commit of store.commits()) {
    signal?.throwIfAborted();
    points++;
    const before = newest.get(commit.itemId);
    if (!before || before.cseq < commit.cseq) newest.set(commit.itemId, commit);
  }
  return { newest: [...newest.values()], points };
};

const openPoints = async (
  store: Store,
  commits: readonly CommitName[],
  { sampleLeaves, signal, onProgress }: DrillOptions,
  damages: Damage[],
): Promise<number> => {
  const disks: { readonly pointId: string; readonly disk: CommitDisk }[] = [];
  for (const { name, pointId } of commits) {
    await orDamage(damages, { object: name, pointId }, async () => {
      for (const disk of (await store.openCommit(name)).disks) disks.push({ pointId, disk });
    });
  }
  const bytesTotal = disks.reduce((sum, { disk }) => sum + disk.root.sizeBytes, 0);
  const whole = new PointVerifier(store, signal ? { signal } : {});
  let [checkedBytes, bytesDone] = [0, 0];
  for (const { pointId, disk } of disks) {
    await orDamage(damages, { object: pointId, pointId, lun: disk.lun }, async () => {
      if (sampleLeaves === undefined) await whole.verifyDisk(pointId, disk);
      else checkedBytes += await openSample(store, disk, sampleLeaves, signal);
    });
    bytesDone += disk.root.sizeBytes;
    onProgress?.({ bytesDone, bytesTotal });
  }
  damages.push(...whole.damages);
  return checkedBytes + whole.checkedBytes;
};

const openSample = async (
  store: Store,
  disk: CommitDisk,
  count: number,
  signal: AbortSignal | undefined,
): Promise<number> => {
  const reader = new DiskReader({ backend: store.backend, keys: store.workerKeys }, disk.root);
  const chosen: number[] = [];
  let seen = 0;
  // each leaf has the same chance, however many there are
  for await (const { index } of reader.leaves()) {
    signal?.throwIfAborted();
    seen++;
    if (chosen.length < count) chosen.push(index);
    else {
      const at = randomInt(seen);
      if (at < count) chosen[at] = index;
    }
  }
  let checkedBytes = 0;
  for (const index of chosen) {
    signal?.throwIfAborted();
    await reader.readLeafCells(index, (_offset, bytes) => {
      checkedBytes += bytes.length;
    });
  }
  return checkedBytes;
};

/** Damage and a lack of keys are what a drill looks for; the storage's own failures end it. */
const orDamage = async (
  damages: Damage[],
  { object, ...where }: Pick<Damage, 'object' | 'pointId' | 'lun'>,
  work: () => Promise<void>,
): Promise<void> => {
  try {
    await work();
  } catch (error) {
    if (!isFinding(error)) throw error;
    damages.push({ ...damageOf(error, object), ...where });
  }
};

const isFinding = (error: unknown): error is CodedError =>
  isCoded(error, 'StoreDataDamaged') || isCoded(error, 'StoreObjectMissing') || isCoded(error, 'StoreKeyWrong');
