import { close, fstatSync, fsync } from 'node:fs';
import { promisify } from 'node:util';
import { CodedError } from '../lib/error.ts';
import { SMALL_NURSERY, ThreadPool } from '../lib/threadPool.ts';
import type { Backend, BackendSpec } from '../store/backend.ts';
import { DiskReader } from '../store/diskReader.ts';
import type { WorkerKeys } from '../store/keys.ts';
import { openBackend } from '../store/openBackend.ts';
import type { BadRead, OnBadRead } from '../store/secondOpinion.ts';
import { type DiskRoot, leafSpanBytes } from '../store/tree.ts';
import { abortable } from './transfer/abortable.ts';
import { openTarget, RestoreSession, type RestoreSetup, targetFailed } from './transfer/restoreSession.ts';

export type RestoreRequest =
  | { readonly kind: 'open'; readonly backend: BackendSpec; readonly setup: RestoreSetup }
  | { readonly kind: 'leaf'; readonly index: number };

export interface RestoreReply {
  readonly writtenBytes: number;
}

export interface RestoreProgress {
  /** All of the disk before this byte is written; ends at `bytesTotal`. */
  readonly bytesDone: number;
  /** The disk's size. */
  readonly bytesTotal: number;
  readonly writtenBytes: number;
}

export interface RestoreOptions {
  /** With `workers: 0` it may be a Backend itself. */
  readonly backend: BackendSpec | Backend;
  readonly keys: WorkerKeys;
  readonly root: DiskRoot;
  /** A file of at least the disk's size that reads as zeros. */
  readonly targetPath: string;
  /** Threads; 2 when absent, 0: none. */
  readonly workers?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: RestoreProgress) => void;
  /** Told of reads that gave no sound bytes where another copy, or a second read, did. */
  readonly onBadRead?: OnBadRead;
}

/** Write-back is begun this often, so that it runs beside the work and the last fsync has little left to do. */
const FLUSH_BYTES = 256 * 1024 * 1024;

interface LeafRestorer extends AsyncDisposable {
  readonly backend: Backend;
  readonly limit: number;
  restoreLeaf(index: number): Promise<number>;
}

/**
 * Writes a disk of the store into a raw file; what is zero is left alone, so a sparse file stays sparse. Durable when
 * it resolves. Every byte was authenticated and re-hashed before it was written; damage is an error that names the
 * disk's range. After any error the file's content is worth nothing.
 * Errors: StoreDataDamaged, StoreObjectMissing, TargetWriteFailed, WorkerThreadDied, the signal's reason.
 */
export async function restoreDisk(options: RestoreOptions): Promise<{ readonly writtenBytes: number }> {
  const { root, keys, targetPath, signal, onProgress } = options;
  signal?.throwIfAborted();
  // Opened before the first byte is written: its fsync then tells of every write-back that failed since.
  const file = openTarget(targetPath);
  try {
    checkSize(file, targetPath, root.sizeBytes);
    await using restorer = await openRestorer(options);
    const leaves = new DiskReader({ backend: restorer.backend, keys }, root).leaves();
    const writtenBytes = await restoreLeaves(abortable(leaves, signal), restorer, file, options);
    await syncFile(file, targetPath);
    signal?.throwIfAborted();
    onProgress?.({ bytesDone: root.sizeBytes, bytesTotal: root.sizeBytes, writtenBytes });
    return { writtenBytes };
  } finally {
    await promisify(close)(file);
  }
}

async function restoreLeaves(
  leaves: AsyncIterable<{ readonly index: number }>,
  restorer: LeafRestorer,
  file: number,
  { root, targetPath, onProgress }: RestoreOptions,
): Promise<number> {
  const span = leafSpanBytes(root.chunkSizeBytes);
  const underWay = new Map<number, Promise<void>>();
  const failure = new AbortController();
  let writtenBytes = 0;
  let flushedBytes = 0;
  let flushing: Promise<void> | undefined;
  const flush = () => {
    flushedBytes = writtenBytes;
    flushing = syncFile(file, targetPath)
      .catch((reason: unknown) => failure.abort(reason))
      .then(() => {
        flushing = undefined;
      });
  };
  const restore = async (index: number): Promise<void> => {
    try {
      writtenBytes += await restorer.restoreLeaf(index);
      underWay.delete(index);
      if (!flushing && writtenBytes - flushedBytes >= FLUSH_BYTES) flush();
      const [oldest = index + 1] = underWay.keys();
      onProgress?.({ bytesDone: Math.min(root.sizeBytes, oldest * span), bytesTotal: root.sizeBytes, writtenBytes });
    } catch (reason) {
      underWay.delete(index);
      failure.abort(reason);
    }
  };
  try {
    for await (const { index } of leaves) {
      if (failure.signal.aborted) break;
      underWay.set(index, restore(index));
      if (underWay.size >= restorer.limit) await Promise.race(underWay.values());
    }
  } finally {
    await Promise.all(underWay.values());
    await flushing;
  }
  failure.signal.throwIfAborted();
  return writtenBytes;
}

async function openRestorer({
  backend,
  keys,
  root,
  targetPath,
  workers = 2,
  signal,
  onBadRead = () => {},
}: RestoreOptions): Promise<LeafRestorer> {
  const setup: RestoreSetup = { keys, root, targetPath };
  if (workers === 0) {
    const inline = 'put' in backend ? backend : openBackend(backend);
    const session = new RestoreSession(setup, inline, onBadRead);
    return {
      backend: inline,
      limit: 1,
      restoreLeaf: async (index) => {
        signal?.throwIfAborted();
        return session.restoreLeaf(index);
      },
      [Symbol.asyncDispose]: async () => session[Symbol.dispose](),
    };
  }
  if ('put' in backend) throw new TypeError('A Backend cannot cross threads; give a BackendSpec, or workers: 0');
  const file = new URL('./transfer/restoreWorker.ts', import.meta.url);
  const threads = new ThreadPool<RestoreRequest, RestoreReply, BadRead>({
    file,
    size: workers,
    signal,
    onEvent: onBadRead,
    resourceLimits: SMALL_NURSERY,
  });
  try {
    await threads.runAll({ kind: 'open', backend, setup });
  } catch (error) {
    await threads[Symbol.asyncDispose]();
    throw error;
  }
  return {
    backend: openBackend(backend),
    limit: workers + 1,
    restoreLeaf: async (index) => (await threads.run({ kind: 'leaf', index })).writtenBytes,
    [Symbol.asyncDispose]: () => threads[Symbol.asyncDispose](),
  };
}

function checkSize(file: number, path: string, sizeBytes: number): void {
  const { size } = fstatSync(file);
  if (size >= sizeBytes) return;
  throw new CodedError(
    'TargetWriteFailed',
    `'${path}' has ${size} bytes, the disk ${sizeBytes}; the target must be made at the disk's size first`,
    {
      target: path,
    },
  );
}

async function syncFile(file: number, path: string): Promise<void> {
  try {
    await promisify(fsync)(file);
  } catch (error) {
    throw targetFailed(path, error);
  }
}
