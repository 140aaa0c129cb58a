import { ByteCache } from '../../lib/byteCache.ts';
import { CodedError, isCoded } from '../../lib/error.ts';
import type { Backend } from '../backend.ts';
import type { ChunkNamer } from '../format/chunkId.ts';
import { type Codec, openCodec, RAW } from '../format/codec.ts';
import {
  type DirectoryEntry,
  directoryLength,
  type PackDirectory,
  readDirectory,
  TAIL_BYTES,
} from '../format/directory.ts';
import { packPrefix, parsePackName } from '../format/names.ts';
import { encodeLabel, recordKey, recordNonce } from '../format/pack.ts';
import { damaged, openSealed } from '../format/seal.ts';
import type { WorkerKeys } from '../keys.ts';

export interface PackReaderOptions {
  readonly backend: Backend;
  readonly keys: WorkerKeys;
  /** Bytes of directories that are kept. */
  readonly cacheBytes?: number;
}

/** A pack's directory together with the key of its records. */
export interface OpenPack {
  readonly directory: PackDirectory;
  readonly key: Uint8Array;
}

export interface RecordPlace {
  readonly pack: OpenPack;
  readonly entry: DirectoryEntry;
}

/** Finds and opens records of packs. */
export class PackReader {
  readonly #backend: Backend;
  readonly #keys: WorkerKeys;
  readonly #cache: ByteCache<string, readonly OpenPack[]>;
  readonly #loading = new Map<string, Promise<readonly OpenPack[]>>();
  readonly #directoryCodec = openCodec();

  constructor(options: PackReaderOptions) {
    this.#backend = options.backend;
    this.#keys = options.keys;
    this.#cache = new ByteCache(options.cacheBytes ?? 16 * 1024 * 1024);
  }

  /** Errors: StoreObjectMissing (no such pack), StoreDataDamaged (no such slot), StoreKeyWrong. */
  async locate(packId: string, slot: number): Promise<RecordPlace> {
    const packs = await this.#open(packId);
    for (const pack of packs) {
      const entry = pack.directory.find(slot);
      if (entry) return { pack, entry };
    }
    throw damaged(packs[0]!.directory.name, `it has no slot ${slot}`);
  }

  /** Whether the record there has this id: the pack's own word, against which hints are checked. */
  async holds(packId: string, slot: number, id: Uint8Array): Promise<boolean> {
    try {
      const { entry } = await this.locate(packId, slot);
      return Buffer.compare(entry.id, id) === 0;
    } catch (error) {
      if (isCoded(error, 'StoreObjectMissing') || isCoded(error, 'StoreDataDamaged')) return false;
      throw error;
    }
  }

  /** The plain bytes (good until the codec's next call); undefined when seal, frame or id are wrong. */
  openRecord(place: RecordPlace, sealed: Uint8Array, codec: Codec, namer: ChunkNamer): Uint8Array | undefined {
    const { entry, pack } = place;
    const { packId, kind } = pack.directory.header;
    const label = encodeLabel({ ...entry, packId, kind });
    const seal = { key: pack.key, nonce: recordNonce(entry.slot), label };
    const payload = openSealed(sealed, seal, codec.room(sealed.length));
    if (!payload) return undefined;
    const plain = entry.codec === RAW ? payload : codec.decompress(payload, entry.plainLength);
    if (plain?.length !== entry.plainLength) return undefined;
    return Buffer.compare(namer(plain), entry.id) === 0 ? plain : undefined;
  }

  /**
   * Reads and opens one record. A read that does not open is done once more: only what fails twice is damage, for
   * a store or a line to it may err once. Errors: StoreDataDamaged, StoreObjectMissing.
   */
  async readRecord(place: RecordPlace, codec: Codec, namer: ChunkNamer): Promise<Uint8Array> {
    const { name } = place.pack.directory;
    for (let tries = 0; tries < 2; tries++) {
      const sealed = await this.#backend.get(name, { offset: place.entry.offset, length: place.entry.length });
      const plain = this.openRecord(place, sealed, codec, namer);
      if (plain) return plain;
    }
    throw damaged(name, `the record in slot ${place.entry.slot} does not open`);
  }

  async #open(packId: string): Promise<readonly OpenPack[]> {
    const cached = this.#cache.get(packId);
    if (cached) return cached;
    const loading = this.#loading.get(packId) ?? this.#load(packId).finally(() => this.#loading.delete(packId));
    this.#loading.set(packId, loading);
    return loading;
  }

  /** Newest generation first. An older one, or a forged newer one that does not open, never hides a good one. */
  async #load(packId: string): Promise<readonly OpenPack[]> {
    const found = [];
    for await (const { name, sizeBytes } of this.#backend.list(packPrefix(packId))) {
      const parsed = parsePackName(name);
      if (parsed) found.push({ ...parsed, sizeBytes });
    }
    found.sort((a, b) => b.generation - a.generation || (a.name < b.name ? -1 : 1));
    const packs: OpenPack[] = [];
    let firstDamage: unknown;
    for (const object of found) {
      try {
        packs.push(await this.#readPack(object));
      } catch (error) {
        if (!isCoded(error, 'StoreDataDamaged')) throw error;
        firstDamage ??= error;
      }
    }
    if (packs.length === 0) {
      throw (
        firstDamage ??
        new CodedError('StoreObjectMissing', `Pack ${packId} is not in the store.`, { target: packPrefix(packId) })
      );
    }
    this.#cache.set(
      packId,
      packs,
      packs.reduce((sum, { directory }) => sum + directory.sizeBytes, 0),
    );
    return packs;
  }

  async #readPack(object: {
    readonly name: string;
    readonly packId: string;
    readonly sizeBytes: number;
  }): Promise<OpenPack> {
    for (let tries = 0; ; tries++) {
      try {
        const directory = await this.#readDirectory(object);
        return { directory, key: recordKey(this.#keys, directory.header) };
      } catch (error) {
        if (tries > 0 || !isCoded(error, 'StoreDataDamaged')) throw error;
      }
    }
  }

  async #readDirectory(object: { readonly name: string; readonly packId: string; readonly sizeBytes: number }) {
    const { name, sizeBytes } = object;
    let tail = await this.#tail(name, sizeBytes, Math.min(TAIL_BYTES, sizeBytes));
    const needed = directoryLength(name, tail);
    if (needed > sizeBytes) throw damaged(name, 'it is shorter than its directory');
    if (needed > tail.length) tail = await this.#tail(name, sizeBytes, needed);
    return readDirectory(object, tail.subarray(tail.length - needed), this.#keys, this.#directoryCodec);
  }

  #tail(name: string, sizeBytes: number, length: number): Promise<Uint8Array> {
    return this.#backend.get(name, { offset: sizeBytes - length, length });
  }
}
