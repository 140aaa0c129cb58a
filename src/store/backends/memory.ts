import type { Backend, ObjectInfo, ObjectRange } from '../backend.ts';
import { assertObjectName } from '../format/names.ts';
import { objectMissing, rangeOutside } from './failures.ts';

export class MemoryBackend implements Backend {
  readonly #objects = new Map<string, Uint8Array>();

  async put(name: string, bytes: Uint8Array, signal?: AbortSignal): Promise<'created' | 'exists'> {
    assertObjectName(name);
    signal?.throwIfAborted();
    if (this.#objects.has(name)) return 'exists';
    this.#objects.set(name, new Uint8Array(bytes));
    return 'created';
  }

  async get(name: string, range?: ObjectRange): Promise<Uint8Array> {
    assertObjectName(name);
    const bytes = this.#objects.get(name);
    if (!bytes) throw objectMissing(name);
    const { offset, length } = range ?? { offset: 0, length: bytes.length };
    if (offset < 0 || length < 0 || offset + length > bytes.length) throw rangeOutside(name, { offset, length });
    return bytes.slice(offset, offset + length);
  }

  async head(name: string): Promise<{ readonly sizeBytes: number } | undefined> {
    assertObjectName(name);
    const bytes = this.#objects.get(name);
    return bytes && { sizeBytes: bytes.length };
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    for (const [name, bytes] of [...this.#objects]) {
      if (name.startsWith(prefix)) yield { name, sizeBytes: bytes.length };
    }
  }

  async delete(name: string): Promise<void> {
    assertObjectName(name);
    this.#objects.delete(name);
  }
}
