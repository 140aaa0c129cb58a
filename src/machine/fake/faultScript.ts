import type { MachineRef } from '../machine.ts';

export type FakeOperation =
  | 'list'
  | 'find'
  | 'snapshot'
  | 'snapshots'
  | 'openDisk'
  | 'deleteSnapshot'
  | 'reconcile'
  | 'createDisk'
  | 'create'
  | 'start'
  | 'stop'
  | 'extension';

interface Hold {
  readonly arrived: () => void;
  readonly released: Promise<void>;
}

/** What a fake host's operations are to do wrong, and the record of what was asked of it. */
export class FaultScript {
  /** Operations in the order they came: `snapshot web-1`. */
  readonly calls: string[] = [];
  readonly #faults: { readonly operation: FakeOperation; readonly error: unknown }[] = [];
  readonly #holds = new Map<FakeOperation, Hold>();

  /** Faults prepared and not yet hit: a test ends with none. */
  get unhit(): readonly FakeOperation[] {
    return [...this.#faults.map((fault) => fault.operation), ...this.#holds.keys()];
  }

  /** The next call of `operation` throws `error`; several queue up. */
  failNext(operation: FakeOperation, error: unknown): void {
    this.#faults.push({ operation, error });
  }

  /** Takes back the faults of `operation` that were not hit: it works again. */
  mend(operation: FakeOperation): void {
    for (let at = this.#faults.length - 1; at >= 0; at--)
      if (this.#faults[at]?.operation === operation) this.#faults.splice(at, 1);
  }

  /** The next call of `operation` stands still until `release` or its signal; `arrived` resolves when it got there. */
  hold(operation: FakeOperation): { readonly arrived: Promise<void>; readonly release: () => void } {
    const arrived = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    this.#holds.set(operation, { arrived: arrived.resolve, released: released.promise });
    return { arrived: arrived.promise, release: released.resolve };
  }

  /** Called by the host at the head of every operation. */
  async enter(operation: FakeOperation, ref?: MachineRef, signal?: AbortSignal): Promise<void> {
    this.calls.push(ref ? `${operation} ${ref.name}` : operation);
    const held = this.#holds.get(operation);
    this.#holds.delete(operation);
    held?.arrived();
    if (held) await Promise.race([held.released, whenAborted(signal)]);
    signal?.throwIfAborted();
    const index = this.#faults.findIndex((fault) => fault.operation === operation);
    if (index >= 0) throw this.#faults.splice(index, 1)[0]?.error;
  }
}

const whenAborted = (signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
