import { SMALL_NURSERY, ThreadPool } from '../lib/threadPool.ts';
import type { Backend, BackendSpec } from './backend.ts';
import type { WorkerKeys } from './keys.ts';
import { LeafCheck, type LeafFindings, type LeafTask } from './packs/leafCheck.ts';
import { ObjectCheck, type ObjectFindings } from './packs/objectCheck.ts';

export type CheckRequest =
  | { readonly kind: 'open'; readonly backend: BackendSpec; readonly keys: WorkerKeys }
  | { readonly kind: 'leaf'; readonly task: LeafTask }
  | { readonly kind: 'object'; readonly name: string };

export interface CheckReply {
  readonly leaf?: LeafFindings;
  readonly object?: ObjectFindings;
}

/** Those who open what is verified. */
export interface StoreChecks extends AsyncDisposable {
  /** Checks that may be under way at once. */
  readonly limit: number;
  leaf(task: LeafTask): Promise<LeafFindings>;
  object(name: string): Promise<ObjectFindings>;
}

/** Threads open the store by themselves. */
export interface CheckThreads {
  readonly spec: BackendSpec;
  /** 0: everything happens in the calling thread. */
  readonly workers: number;
}

/** Errors of all methods: StoreIoFailed, StoreKeyWrong, WorkerThreadDied, the signal's reason. */
export const openChecks = async (
  store: { readonly backend: Backend; readonly workerKeys: WorkerKeys },
  threads: CheckThreads | undefined,
  signal?: AbortSignal,
): Promise<StoreChecks> => {
  if (!threads || threads.workers === 0) return inlineChecks(store, signal);
  const { spec, workers } = threads;
  const file = new URL('./packs/checkWorker.ts', import.meta.url);
  const resourceLimits = SMALL_NURSERY;
  const pool = new ThreadPool<CheckRequest, CheckReply>({ file, size: workers, signal, resourceLimits });
  try {
    await pool.runAll({ kind: 'open', backend: spec, keys: store.workerKeys });
  } catch (error) {
    await pool[Symbol.asyncDispose]();
    throw error;
  }
  return {
    limit: workers + 1,
    leaf: async (task) => (await pool.run({ kind: 'leaf', task })).leaf!,
    object: async (name) => (await pool.run({ kind: 'object', name })).object!,
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  };
};

const inlineChecks = (
  store: { readonly backend: Backend; readonly workerKeys: WorkerKeys },
  signal: AbortSignal | undefined,
): StoreChecks => {
  const leaf = new LeafCheck(store);
  const object = new ObjectCheck(store);
  return {
    limit: 1,
    leaf: async (task) => {
      signal?.throwIfAborted();
      return leaf.run(task);
    },
    object: async (name) => {
      signal?.throwIfAborted();
      return object.run(name);
    },
    [Symbol.asyncDispose]: async () => {},
  };
};
