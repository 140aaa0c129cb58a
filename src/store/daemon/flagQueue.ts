import type { FileFlags } from './fileFlags.ts';
import type { FlagTask, LockTable } from './lockTable.ts';

/** Files that one `chattr` takes. */
const BATCH = 64;

export interface FlagQueueOptions {
  readonly flags: FileFlags;
  readonly table: LockTable;
  readonly pathOf: (store: string, name: string) => string;
  readonly report: (event: { readonly message: string }) => void;
}

/** Makes files immutable behind the puts, many at once: the lock in the table counts already. */
export class FlagQueue implements AsyncDisposable {
  readonly #options: FlagQueueOptions;
  #waiting: FlagTask[] = [];
  #work: Promise<void> | undefined;
  #isEnding = false;

  constructor(options: FlagQueueOptions) {
    this.#options = options;
  }

  add(task: FlagTask): void {
    this.#waiting.push(task);
    this.#start(() => this.#flagWaiting());
  }

  /** What earlier runs left without its flag. */
  catchUp(): void {
    this.#start(async () => {
      let after: FlagTask = { store: '', name: '' };
      for (;;) {
        const some = this.#options.table.notImmutable(after, BATCH);
        const last = some.at(-1);
        if (!last || this.#isEnding) break;
        await this.#flag(some);
        after = last;
      }
      await this.#flagWaiting();
    });
  }

  #start(work: () => Promise<void>): void {
    this.#work ??= work().finally(() => {
      this.#work = undefined;
      if (this.#waiting.length > 0) this.#start(() => this.#flagWaiting());
    });
  }

  async #flagWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      const some = this.#waiting.slice(0, BATCH);
      this.#waiting = this.#waiting.slice(BATCH);
      await this.#flag(some);
    }
  }

  /** What cannot be flagged is tried again at the next start. */
  async #flag(tasks: readonly FlagTask[]): Promise<void> {
    const { flags, table, pathOf, report } = this.#options;
    try {
      await flags.set(tasks.map(({ store, name }) => pathOf(store, name)));
    } catch (error) {
      report({ message: `${tasks.length} files could not be made immutable: ${(error as Error).message.trim()}` });
      return;
    }
    for (const [store, names] of Map.groupBy(tasks, (task) => task.store))
      table.markImmutable(
        store,
        names.map(({ name }) => name),
        true,
      );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true;
    while (this.#work) await this.#work;
  }
}
