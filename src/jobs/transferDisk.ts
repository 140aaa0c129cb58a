import type { ChangedExtents, ReadAddress } from '../machine/machine.ts';
import type { Backend, BackendSpec, CopyGap } from '../store/backend.ts';
import type { WorkerKeys } from '../store/keys.ts';
import type { WriteStats } from '../store/leafWriter.ts';
import type { PackRecord } from '../store/packRecord.ts';
import { type DiskRoot, leafSpanBytes, type NodeRef } from '../store/tree.ts';
import { writeTree } from '../store/treeWriter.ts';
import { abortable } from './transfer/abortable.ts';
import { Healing } from './transfer/healing.ts';
import { type LeafGroup, leafGroups } from './transfer/leafGroups.ts';
import { openTransferPool, type TransferPool } from './transfer/pool.ts';
import { addStats, noStats } from './transfer/stats.ts';

export interface TransferProgress {
  /** All of the disk before this byte has been dealt with; ends at `bytesTotal`. */
  readonly bytesDone: number;
  /** The disk's size. */
  readonly bytesTotal: number;
  readonly stats: WriteStats;
}

export interface TransferOptions {
  /** Where the packs go. With `workers: 0` it may be a Backend itself. Not read when a `pool` is given. */
  readonly backend: BackendSpec | Backend;
  readonly keys: WorkerKeys;
  readonly chunkSizeBytes: number;
  readonly source: ReadAddress;
  readonly sizeBytes: number;
  readonly changes: ChangedExtents;
  /**
   * The disk as the vault has it. For `changed` it must be there and of the same size: what no extent touches stays as
   * it was. For `whole` it only saves writing what is equal.
   */
  readonly parent?: DiskRoot;
  readonly dedupePath?: string;
  /** Packs without a good copy: what the parent has in them is read from the source, changed or not. */
  readonly damagedPacks?: ReadonlySet<string>;
  /** Threads; 2 when absent, 0: none. */
  readonly workers?: number;
  /** Opened with `openTransferPool`, to be used again for the machine's next disk. */
  readonly pool?: TransferPool;
  readonly signal?: AbortSignal;
  /** Told of every pack once it is durable, before the transfer resolves. */
  readonly onPack?: (pack: PackRecord) => void;
  readonly onProgress?: (progress: TransferProgress) => void;
}

export interface TransferResult {
  readonly root: DiskRoot;
  readonly stats: WriteStats;
  /** Packs that earlier transfers wrote and that this disk refers to through the dedupe index. */
  readonly dedupedPacks: ReadonlySet<string>;
  /** Read because the parent's packs are damaged, not because the disk had changed. */
  readonly healedBytes: number;
  /** Copies of the store that have not all of the packs. */
  readonly gaps: readonly CopyGap[];
}

/**
 * Brings one frozen disk into the store. When it resolves, every pack the root refers to is durable. Memory does not
 * grow with the disk's data: at most a few leaves are under way. An abort ends the workers at once.
 * Errors: of the source (SourceReadFailed, SourceExtentsInvalid, Nbd…), of the store (StoreFull, StoreIoFailed,
 * StoreDataDamaged of the parent), WorkerThreadDied.
 */
export async function transferDisk(options: TransferOptions): Promise<TransferResult> {
  const { signal } = options;
  signal?.throwIfAborted();
  checkParent(options);
  await using own = options.pool
    ? undefined
    : openTransferPool({ backend: options.backend, workers: options.workers ?? 2, signal });
  const pool = options.pool ?? own!;
  const { keys, chunkSizeBytes, sizeBytes, source, parent, changes } = options;
  const onPack = options.onPack ?? (() => {});
  await pool.begin(
    {
      keys,
      chunkSizeBytes,
      sizeBytes,
      source,
      whole: changes.kind === 'whole',
      ...(parent ? { parent } : {}),
      ...(options.dedupePath === undefined ? {} : { dedupePath: options.dedupePath }),
      ...(options.damagedPacks ? { damagedPacks: options.damagedPacks } : {}),
    },
    onPack,
  );
  const healing = new Healing(pool.backend, options);
  const written = await writeLeaves(pool, { ...options, changes: { ...changes, extents: healing.extents() } });
  const finished = await pool.finish();
  const shared = parent?.sizeBytes === sizeBytes ? parent : undefined;
  const tree = {
    ...{ sizeBytes, chunkSizeBytes, leaves: written.leaves, whole: changes.kind === 'whole' },
    ...(shared ? { parent: shared } : {}),
    ...(options.damagedPacks ? { damagedPacks: options.damagedPacks } : {}),
  };
  let metaBytes = 0;
  const onTreePack = (pack: PackRecord) => {
    metaBytes += pack.sizeBytes;
    onPack(pack);
  };
  const root = await writeTree({ backend: pool.backend, keys, onPack: onTreePack }, tree);
  const gaps = [...finished.gaps, ...((await pool.backend.gaps?.()) ?? [])];
  signal?.throwIfAborted();
  const stats = addStats(addStats(written.stats, finished.added), { ...noStats(), storedBytes: metaBytes });
  options.onProgress?.({ bytesDone: sizeBytes, bytesTotal: sizeBytes, stats });
  return { root, stats, dedupedPacks: finished.dedupedPacks, healedBytes: healing.bytes, gaps };
}

interface Written {
  readonly leaves: Map<number, NodeRef | null>;
  stats: WriteStats;
}

async function writeLeaves(pool: TransferPool, options: TransferOptions): Promise<Written> {
  const { sizeBytes, chunkSizeBytes, changes, signal, onProgress } = options;
  const span = leafSpanBytes(chunkSizeBytes);
  const written: Written = { leaves: new Map(), stats: noStats() };
  const underWay = new Map<number, Promise<void>>();
  // A leaf that failed ends the walk, even one that waits for the source's next extent.
  const failure = new AbortController();
  const ended = signal ? AbortSignal.any([signal, failure.signal]) : failure.signal;

  const write = async (group: LeafGroup): Promise<void> => {
    try {
      const { ref, added } = await pool.writeLeaf({ index: group.index, extents: group.extents });
      written.leaves.set(group.index, ref);
      written.stats = addStats(written.stats, added);
      underWay.delete(group.index);
      const [oldest = group.index + 1] = underWay.keys();
      onProgress?.({ bytesDone: Math.min(sizeBytes, oldest * span), bytesTotal: sizeBytes, stats: written.stats });
    } catch (reason) {
      underWay.delete(group.index);
      failure.abort(reason);
    }
  };

  try {
    for await (const group of leafGroups(abortable(changes.extents, ended), { sizeBytes, chunkSizeBytes })) {
      if (group.kind === 'zero') {
        const zeroBytes = Math.min(span, sizeBytes - group.index * span);
        written.stats = addStats(written.stats, { ...noStats(), zeroBytes });
        written.leaves.set(group.index, null);
        continue;
      }
      underWay.set(group.index, write(group));
      if (underWay.size >= pool.limit) await Promise.race(underWay.values());
    }
  } finally {
    await Promise.all(underWay.values());
  }
  failure.signal.throwIfAborted();
  return written;
}

function checkParent({ parent, changes, sizeBytes, chunkSizeBytes }: TransferOptions): void {
  if (parent && parent.chunkSizeBytes !== chunkSizeBytes) {
    throw new RangeError(`The parent has chunks of ${parent.chunkSizeBytes} bytes, the disk of ${chunkSizeBytes}`);
  }
  if (changes.kind === 'changed' && parent?.sizeBytes !== sizeBytes) {
    throw new RangeError(
      `Changes count from a parent of the same size; the disk has ${sizeBytes} bytes, the parent ${parent?.sizeBytes}`,
    );
  }
}
