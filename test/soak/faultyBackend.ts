import type { Backend, ObjectRange } from '../../src/store/backend.ts';

/** What a store that lies may do to one call. */
export type Lie =
  | 'putLost' // says created, keeps nothing
  | 'putTruncated' // keeps the first half
  | 'putOther' // keeps other bytes of the same length
  | 'getOther' // gives wrong bytes once
  | 'getTruncated' // gives the range short once
  | 'getOld' // says an object is missing that is there, once
  | 'listStale'; // leaves the newest objects out

export const LIES: readonly Lie[] = [
  'putLost',
  'putTruncated',
  'putOther',
  'getOther',
  'getTruncated',
  'getOld',
  'listStale',
];

/** A store that lies at its n-th put, get or list of objects whose name matches. */
export class FaultyBackend implements Backend {
  /** Calls that could have been lied to, so far. */
  count = 0;
  lieAt = Number.POSITIVE_INFINITY;
  hits = 0;
  /** The object it lied about. */
  about = '';
  readonly #inner: Backend;
  readonly #lie: Lie;
  readonly #names: RegExp;
  readonly #put: string[] = [];

  constructor(inner: Backend, lie: Lie, names = /^(p|rp)\//) {
    this.#inner = inner;
    this.#lie = lie;
    this.#names = names;
  }

  async put(name: string, bytes: Uint8Array, signal?: AbortSignal): Promise<'created' | 'exists'> {
    if (this.#lie.startsWith('put') && this.#meets(name)) {
      if (this.#lie === 'putLost') return 'created';
      const other = this.#lie === 'putTruncated' ? bytes.slice(0, bytes.length >> 1) : spoilt(bytes);
      await this.#inner.put(name, other, signal);
      return 'created';
    }
    this.#put.push(name);
    return this.#inner.put(name, bytes, signal);
  }

  async get(name: string, range?: ObjectRange): Promise<Uint8Array> {
    if (!this.#lie.startsWith('get') || !this.#meets(name)) return this.#inner.get(name, range);
    if (this.#lie === 'getOld') return this.#inner.get(`${name}.gone`);
    const bytes = await this.#inner.get(name, range);
    return this.#lie === 'getOther' ? spoilt(bytes) : bytes.slice(0, bytes.length >> 1);
  }

  head(name: string): Promise<{ readonly sizeBytes: number } | undefined> {
    return this.#inner.head(name);
  }

  async *list(prefix: string) {
    const newest = new Set(this.#put.slice(-3));
    const isStale = this.#lie === 'listStale' && newest.size > 0 && this.#meets('p/');
    for await (const object of this.#inner.list(prefix)) if (!isStale || !newest.has(object.name)) yield object;
  }

  delete(name: string): Promise<void> {
    return this.#inner.delete(name);
  }

  #meets(name: string): boolean {
    if (!this.#names.test(name) || ++this.count !== this.lieAt) return false;
    this.hits++;
    this.about = name;
    return true;
  }
}

const spoilt = (bytes: Uint8Array): Uint8Array => {
  const other = new Uint8Array(bytes);
  for (let at = 0; at < other.length; at += 97) other[at]! ^= 0x5a;
  return other;
};
