import type { Backend, ObjectRange } from '../backend.ts';

export class BackendDied extends Error {
  override readonly name = 'BackendDied';
}

/** A backend whose process dies at the n-th put, before or after the object is there, and stays dead. */
export class MortalBackend implements Backend {
  puts = 0;
  readonly #inner: Backend;
  readonly #diesAt: number;
  readonly #after: boolean;

  constructor(inner: Backend, diesAt = Number.POSITIVE_INFINITY, after = false) {
    this.#inner = inner;
    this.#diesAt = diesAt;
    this.#after = after;
  }

  async put(name: string, bytes: Uint8Array): Promise<'created' | 'exists'> {
    this.puts++;
    if (this.puts > this.#diesAt || (this.puts === this.#diesAt && !this.#after)) throw new BackendDied(name);
    const outcome = await this.#inner.put(name, bytes);
    if (this.puts === this.#diesAt) throw new BackendDied(name);
    return outcome;
  }

  get(name: string, range?: ObjectRange): Promise<Uint8Array> {
    return this.#inner.get(name, range);
  }

  head(name: string): Promise<{ readonly sizeBytes: number } | undefined> {
    return this.#inner.head(name);
  }

  list(prefix: string) {
    return this.#inner.list(prefix);
  }

  delete(name: string): Promise<void> {
    return this.#inner.delete(name);
  }
}
