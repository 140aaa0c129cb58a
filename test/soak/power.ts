import type { KyselyPlugin, QueryId } from 'kysely';
import type { Database } from '../../src/db/database.ts';
import type { Queries } from '../../src/db/schema.ts';
import type { Clock } from '../../src/lib/clock.ts';
import type { Extent } from '../../src/lib/extent.ts';
import type { MachineHost } from '../../src/machine/machine.ts';
import type { Backend } from '../../src/store/backend.ts';
import type { FileCalls, OpenFile } from '../../src/store/backends/fileCalls.ts';

export type StepKind = 'put' | 'delete' | 'get' | 'file' | 'db';

/**
 * A process that is killed at one step of its work: that step and all later ones never come back, whatever was done
 * before stays. Steps are writes to the store, its file calls, its reads, and statements and commits of the database.
 */
export class Power {
  /** Steps of the kinds that count, so far. */
  steps = 0;
  /** The process dies before this step, counted from 1. */
  cutAt = Number.POSITIVE_INFINITY;
  isOff = false;
  /** What the process was about to do when it died. */
  cutBefore = '';
  readonly #kinds: ReadonlySet<StepKind>;
  readonly #cleanups = new Set<() => Promise<void>>();
  readonly #off = Promise.withResolvers<void>();
  readonly off = this.#off.promise;

  constructor(kinds: readonly StepKind[] = ['put', 'delete', 'db']) {
    this.#kinds = new Set(kinds);
  }

  cut(before = 'outside'): void {
    if (this.isOff) return;
    this.isOff = true;
    this.cutBefore = before;
    this.#off.resolve();
  }

  /** Passes, or never comes back. */
  async step(kind: StepKind, what: string): Promise<void> {
    if (!this.isOff && this.#kinds.has(kind) && ++this.steps === this.cutAt) this.cut(`${kind} ${what}`);
    if (this.isOff) await never();
  }

  backend(inner: Backend): Backend {
    return {
      put: async (name, bytes, signal) => {
        await this.step('put', name);
        return this.#alive(inner.put(name, bytes, signal));
      },
      get: async (name, range) => {
        await this.step('get', name);
        return this.#alive(inner.get(name, range));
      },
      head: async (name) => {
        await this.step('get', name);
        return this.#alive(inner.head(name));
      },
      list: (prefix) => this.#list(inner, prefix),
      delete: async (name) => {
        await this.step('delete', name);
        return this.#alive(inner.delete(name));
      },
      ...(inner.lock ? { lock: inner.lock } : {}),
      ...(inner.copies ? { copies: inner.copies.map((copy) => this.backend(copy)) } : {}),
    };
  }

  files(inner: FileCalls): FileCalls {
    const call = <Args extends unknown[], Result>(name: string, work: (...args: Args) => Promise<Result>) => {
      return async (...args: Args): Promise<Result> => {
        await this.step('file', `${name} ${args.filter((arg) => typeof arg === 'string').join(' ')}`);
        return this.#alive(work(...args));
      };
    };
    const open = (file: OpenFile): OpenFile => {
      const close = this.#owned(() => file.close());
      if (this.isOff) void close(); // it was being opened when the process died
      return {
        write: call('write', (bytes) => file.write(bytes)),
        sync: call('sync', () => file.sync()),
        read: (into, position) => this.#alive(file.read(into, position)),
        size: () => this.#alive(file.size()),
        close: () => this.#alive(close()),
      };
    };
    return {
      create: call('create', async (path) => open(await inner.create(path))),
      openToRead: async (path) => open(await inner.openToRead(path)),
      syncFolder: call('syncFolder', (path) => inner.syncFolder(path)),
      link: call('link', (from, to) => inner.link(from, to)),
      unlink: call('unlink', (path) => inner.unlink(path)),
      makeFolder: call('makeFolder', (path) => inner.makeFolder(path)),
      sizeOf: (path) => this.#alive(inner.sizeOf(path)),
      entries: (path) => this.#alive(inner.entries(path)),
    };
  }

  database(inner: Database): Database {
    const proxied = (queries: Queries): Queries => this.#queries(queries.withPlugin(this.#plugin()));
    return {
      get queries() {
        return proxied(inner.queries);
      },
      get current() {
        return proxied(inner.current);
      },
      transaction: async (work) => {
        await this.step('db', 'begin');
        const result = await inner.transaction(async (tx) => {
          const value = await work(tx.withPlugin(this.#plugin()));
          await this.step('db', 'commit');
          return value;
        });
        await this.step('db', 'committed');
        return result;
      },
      copyTo: async (file, signal) => {
        await this.step('db', `copy to ${file}`);
        return this.#alive(inner.copyTo(file, signal));
      },
      [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
    };
  }

  /** A dead process's timers do not ring. */
  clock(inner: Clock): Clock {
    return {
      now: () => inner.now(),
      sleep: async (delayMs, signal) => {
        const slept = inner.sleep(delayMs, signal);
        await slept.catch(() => (this.isOff ? never() : undefined));
        if (this.isOff) await never();
        return slept;
      },
    };
  }

  host(inner: MachineHost): MachineHost {
    const openDisk: MachineHost['openDisk'] = async (...args) => {
      const disk = await inner.openDisk(...args);
      return {
        sizeBytes: disk.sizeBytes,
        address: disk.address,
        changedSince: async (base) => {
          const changes = await disk.changedSince(base);
          return { ...changes, extents: this.#extents(changes.extents) };
        },
        [Symbol.asyncDispose]: this.#owned(async () => disk[Symbol.asyncDispose]()),
      };
    };
    return this.guard(inner, { openDisk });
  }

  /** What the kernel does for a dead process: closes what it had open. */
  async bury(): Promise<void> {
    this.cut();
    while (this.#cleanups.size > 0) for (const cleanUp of [...this.#cleanups]) await cleanUp();
  }

  /** Anything else that a process asks of the outside. */
  guard<T extends object>(inner: T, instead: Partial<T> = {}): T {
    return new Proxy(inner, {
      get: (target, key) => {
        const value: unknown = Reflect.get(instead, key) ?? Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          if (this.isOff) return never();
          const result: unknown = Reflect.apply(value, target, args);
          return result instanceof Promise ? this.#alive(result) : result;
        };
      },
    });
  }

  /** Done once: by its owner, or for it when it is dead. */
  #owned(close: () => Promise<void>): () => Promise<void> {
    const once = async (): Promise<void> => {
      if (this.#cleanups.delete(once)) await close();
    };
    this.#cleanups.add(once);
    return once;
  }

  async *#extents(inner: AsyncIterable<Extent>): AsyncGenerator<Extent> {
    const iterator = inner[Symbol.asyncIterator]();
    const close = this.#owned(async () => void (await iterator.return?.()));
    try {
      for (;;) {
        const next = await this.#alive(iterator.next());
        if (next.done) return;
        yield next.value;
      }
    } finally {
      await close();
    }
  }

  async *#list(inner: Backend, prefix: string) {
    await this.step('get', `list ${prefix}`);
    for await (const object of inner.list(prefix)) {
      if (this.isOff) await never();
      yield object;
    }
  }

  /** The answer of something that was begun while the power was on reaches nobody when it is off. */
  async #alive<T>(work: Promise<T>): Promise<T> {
    try {
      const result = await work;
      return this.isOff ? await never() : result;
    } catch (error) {
      if (this.isOff) return never();
      throw error;
    }
  }

  /** Commits of transactions that are begun on the queries themselves. */
  #queries(queries: Queries): Queries {
    return new Proxy(queries, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (key !== 'transaction') return typeof value === 'function' ? value.bind(target) : value;
        return () => ({
          execute: async <T>(work: (tx: Queries) => Promise<T>): Promise<T> => {
            await this.step('db', 'begin');
            const result = await target.transaction().execute(async (tx) => {
              const done = await work(tx);
              await this.step('db', 'commit');
              return done;
            });
            await this.step('db', 'committed');
            return result;
          },
        });
      },
    });
  }

  /** Statements that stand alone commit by themselves; the process may die right after one. */
  #plugin(): KyselyPlugin {
    const writes = new WeakMap<QueryId, string>();
    return {
      transformQuery: ({ node, queryId }) => {
        if (this.isOff) throw new Error('this process is dead');
        if (/^(Insert|Update|Delete)Query/.test(node.kind)) writes.set(queryId, node.kind);
        return node;
      },
      transformResult: async ({ result, queryId }) => {
        const kind = writes.get(queryId);
        if (kind !== undefined) await this.step('db', `after ${kind}`);
        else if (this.isOff) await never();
        return result;
      },
    };
  }
}

const never = (): Promise<never> => new Promise<never>(() => {});
