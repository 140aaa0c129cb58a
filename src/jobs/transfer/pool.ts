import { SMALL_NURSERY, ThreadPool } from '../../lib/threadPool.ts';
import type { Backend, BackendSpec, CopyGap } from '../../store/backend.ts';
import type { WriteStats } from '../../store/leafWriter.ts';
import { openBackend } from '../../store/openBackend.ts';
import type { PackRecord } from '../../store/packRecord.ts';
import type { NodeRef } from '../../store/tree.ts';
import { type LeafTask, TransferSession, type TransferSetup } from './session.ts';
import { addStats, noStats } from './stats.ts';

export type TransferRequest =
  | { readonly kind: 'open'; readonly backend: BackendSpec; readonly setup: TransferSetup }
  | { readonly kind: 'leaf'; readonly task: LeafTask }
  | { readonly kind: 'finish' }
  | { readonly kind: 'close' };

export interface TransferReply {
  /** Of a leaf. */
  readonly ref?: NodeRef | null;
  /** What this leaf or finish added. */
  readonly added?: WriteStats;
  /** Of finish. */
  readonly dedupedPacks?: ReadonlySet<string>;
  readonly gaps?: readonly CopyGap[];
}

/** Those who write leaves, for one disk after another. After an error it is of no more use. */
export interface TransferPool extends AsyncDisposable {
  /** The store they write to, for the calling thread's own use. */
  readonly backend: Backend;
  /** Leaves that may be under way at once. */
  readonly limit: number;
  begin(setup: TransferSetup, onPack: (pack: PackRecord) => void): Promise<void>;
  writeLeaf(task: LeafTask): Promise<{ readonly ref: NodeRef | null; readonly added: WriteStats }>;
  /** Every pack of every leaf is durable. */
  finish(): Promise<{
    readonly added: WriteStats;
    readonly dedupedPacks: ReadonlySet<string>;
    /** Copies of the store that have not all of them. */
    readonly gaps: readonly CopyGap[];
  }>;
}

export interface TransferPoolOptions {
  /** Threads open it by themselves; a Backend itself serves with `workers: 0` only. */
  readonly backend: BackendSpec | Backend;
  /** Threads; 0: everything happens in the calling thread. */
  readonly workers: number;
  readonly signal?: AbortSignal | undefined;
}

/** Errors of all methods: the workers' own, WorkerThreadDied, the signal's reason. */
export function openTransferPool(options: TransferPoolOptions): TransferPool {
  const { backend, workers, signal } = options;
  if (workers === 0) return inlinePool('put' in backend ? backend : openBackend(backend), signal);
  if ('put' in backend) throw new TypeError('A Backend cannot cross threads; give a BackendSpec, or workers: 0');
  return threadPool(backend, workers, signal);
}

function threadPool(backend: BackendSpec, workers: number, signal?: AbortSignal): TransferPool {
  const threads = new ThreadPool<TransferRequest, TransferReply, PackRecord>({
    file: new URL('./worker.ts', import.meta.url),
    size: workers,
    signal,
    resourceLimits: SMALL_NURSERY,
  });
  return {
    backend: openBackend(backend),
    limit: workers + 1,
    begin: async (setup, onPack) => {
      threads.onEvent = onPack;
      await threads.runAll({ kind: 'open', backend, setup });
    },
    writeLeaf: async (task) => {
      const { ref = null, added = noStats() } = await threads.run({ kind: 'leaf', task });
      return { ref, added };
    },
    finish: async () => {
      const replies = await threads.runAll({ kind: 'finish' });
      await threads.runAll({ kind: 'close' });
      return {
        added: replies.reduce((sum, reply) => addStats(sum, reply.added ?? noStats()), noStats()),
        dedupedPacks: new Set(replies.flatMap((reply) => [...(reply.dedupedPacks ?? [])])),
        gaps: replies.flatMap((reply) => reply.gaps ?? []),
      };
    },
    [Symbol.asyncDispose]: () => threads[Symbol.asyncDispose](),
  };
}

function inlinePool(backend: Backend, signal?: AbortSignal): TransferPool {
  let session: TransferSession | undefined;
  const open = () => {
    if (!session) throw new Error('the pool has not begun a disk');
    return session;
  };
  const close = async () => {
    await session?.[Symbol.asyncDispose]();
    session = undefined;
  };
  return {
    backend,
    limit: 1,
    begin: async (setup, onPack) => {
      session = await TransferSession.open(setup, backend, onPack, signal);
    },
    writeLeaf: async (task) => {
      signal?.throwIfAborted();
      return { ref: await open().writeLeaf(task), added: open().takeStats() };
    },
    finish: async () => {
      const gaps = await open().finish();
      const done = { added: open().takeStats(), dedupedPacks: open().dedupedPacks, gaps };
      await close();
      return done;
    },
    [Symbol.asyncDispose]: close,
  };
}
