import { Worker } from 'node:worker_threads';
import { CodedError } from './error.ts';
import { type PlainError, reviveError } from './plainError.ts';

/** What threads and their pool say to each other. */
export interface ThreadCall<Request> {
  readonly id: number;
  readonly request: Request;
}

export type ThreadMessage<Reply, Event> =
  | { readonly kind: 'reply'; readonly id: number; readonly reply: Reply }
  | { readonly kind: 'error'; readonly id: number; readonly error: PlainError }
  | { readonly kind: 'event'; readonly event: Event };

export interface ThreadPoolOptions<Event> {
  /** The module that calls `serveThread`. */
  readonly file: URL;
  readonly size: number;
  /** Ends all threads at once, whatever they are doing; every call under way rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: (event: Event) => void;
  readonly resourceLimits?: { readonly maxYoungGenerationSizeMb?: number; readonly maxOldGenerationSizeMb?: number };
}

/**
 * For threads that work on big buffers and few objects: a young generation this small is collected often, and only
 * that frees the buffers of dead Buffer objects. It saves a third of the process's memory and costs no time.
 */
export const SMALL_NURSERY = { maxYoungGenerationSizeMb: 1 } as const;

/**
 * Worker threads that answer calls, one at a time each. An error thrown in a thread arrives as it was (a CodedError
 * keeps its code). A thread that dies takes the pool with it: all calls reject with WorkerThreadDied.
 */
export class ThreadPool<Request, Reply, Event = never> implements AsyncDisposable {
  readonly size: number;
  readonly #workers: readonly Worker[];
  readonly #calls = new Map<number, { resolve: (reply: Reply) => void; reject: (reason: unknown) => void }>();
  readonly #free: number[];
  readonly #waiting: (() => void)[] = [];
  readonly #unlisten: () => void;
  #onEvent: (event: Event) => void;
  #nextId = 1;
  #ended: { readonly reason: unknown } | undefined;

  constructor(options: ThreadPoolOptions<Event>) {
    options.signal?.throwIfAborted();
    this.size = options.size;
    this.#onEvent = options.onEvent ?? (() => {});
    this.#workers = Array.from({ length: options.size }, () => this.#start(options));
    this.#free = this.#workers.map((_, index) => index);
    const stop = () => this.#end(options.signal?.reason);
    options.signal?.addEventListener('abort', stop, { once: true });
    this.#unlisten = () => options.signal?.removeEventListener('abort', stop);
  }

  /** Who hears events from now on; a pool that is used again gets a new listener. */
  set onEvent(listener: (event: Event) => void) {
    this.#onEvent = listener;
  }

  /** Calls the next free thread; waits until there is one. */
  async run(request: Request): Promise<Reply> {
    while (this.#free.length === 0 && !this.#ended) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const index = this.#free.pop();
    if (index === undefined || this.#ended) throw this.#ended?.reason;
    try {
      return await this.#call(index, request);
    } finally {
      this.#free.push(index);
      this.#waiting.shift()?.();
    }
  }

  /** Calls every thread. Only while no `run` is under way. */
  async runAll(request: Request): Promise<Reply[]> {
    return Promise.all(this.#workers.map((_, index) => this.#call(index, request)));
  }

  /** Ends the threads and waits until they are gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end(new CodedError('WorkerThreadDied', 'The thread pool was closed'));
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #start(options: ThreadPoolOptions<Event>): Worker {
    const worker = new Worker(options.file, options.resourceLimits ? { resourceLimits: options.resourceLimits } : {});
    worker.on('message', (message: ThreadMessage<Reply, Event>) => this.#hear(message));
    worker.on('error', (error) =>
      this.#end(died(`failed: ${error instanceof Error ? error.message : String(error)}`, error)),
    );
    worker.on('messageerror', (error) => this.#end(died(`sent what cannot be read: ${error.message}`, error)));
    worker.on('exit', (code) => this.#end(died(`ended with exit code ${code}`)));
    return worker;
  }

  #call(index: number, request: Request): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(this.#ended.reason);
        return;
      }
      const id = this.#nextId++;
      this.#calls.set(id, { resolve, reject });
      this.#workers[index]!.postMessage({ id, request } satisfies ThreadCall<Request>);
    });
  }

  #hear(message: ThreadMessage<Reply, Event>): void {
    if (this.#ended) return;
    if (message.kind === 'event') {
      this.#onEvent(message.event);
      return;
    }
    const call = this.#calls.get(message.id);
    this.#calls.delete(message.id);
    if (message.kind === 'reply') call?.resolve(message.reply);
    else call?.reject(reviveError(message.error));
  }

  #end(reason: unknown): void {
    if (this.#ended) return;
    this.#ended = { reason };
    this.#unlisten();
    for (const worker of this.#workers) void worker.terminate();
    for (const call of this.#calls.values()) call.reject(reason);
    this.#calls.clear();
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

const died = (how: string, cause?: unknown) => new CodedError('WorkerThreadDied', `A worker thread ${how}`, { cause });
