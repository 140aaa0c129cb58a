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
import { encodeLabel, needRecordKey, recordKey, recordNonce } from '../format/pack.ts';
import { damaged, openSealed } from '../format/seal.ts';
import type { StructKeys } from '../keys.ts';
import { firstSound, type OnBadRead } from '../secondOpinion.ts';

export interface PackReaderOptions {
  readonly backend: Backend;
  readonly keys: StructKeys;
  /** Bytes of directories that are kept. */
  readonly cacheBytes?: number;
  /** Told of reads that gave no sound bytes where another copy, or a second read, did. */
  readonly onBadRead?: OnBadRead;
}

/** A pack's directory together with the key of its records. */
export interface OpenPack {
  readonly directory: PackDirectory;
  /** Undefined: the pack holds chunks, and this reader has struct keys only. */
  readonly key: Uint8Array | undefined;
  /** No object of a higher generation is listed, readable or not. */
  readonly isNewest: boolean;
}

export interface RecordPlace {
  readonly pack: OpenPack;
  readonly entry: DirectoryEntry;
}

interface PackObject {
  readonly name: string;
  readonly packId: string;
  readonly sizeBytes: number;
}

/** Finds and opens records of packs. */
export class PackReader {
  readonly #backend: Backend;
  readonly #keys: StructKeys;
  readonly #cache: ByteCache<string, readonly OpenPack[]>;
  readonly #loading = new Map<string, Promise<readonly OpenPack[]>>();
  readonly #directoryCodec = openCodec();
  readonly #onBadRead: OnBadRead | undefined;

  constructor(options: PackReaderOptions) {
    this.#backend = options.backend;
    this.#keys = options.keys;
    this.#onBadRead = options.onBadRead;
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

  /** The records of the pack's newest generation that opens, in the order of the store. Errors: as `locate`. */
  async records(packId: string): Promise<readonly RecordPlace[]> {
    const [pack] = await this.#open(packId);
    return Array.from({ length: pack!.directory.slots }, (_, index) => ({
      pack: pack!,
      entry: pack!.directory.at(index),
    }));
  }

  /**
   * Name of the pack's object that has a record of this id there: the pack's own word, against which hints are checked.
   * The newest generation counts alone: what an older one has besides is on its way out. Undefined: it has not.
   */
  async holds(packId: string, slot: number, id: Uint8Array): Promise<string | undefined> {
    try {
      const [newest] = await this.#open(packId);
      const { directory, isNewest } = newest!;
      const entry = isNewest ? directory.find(slot) : undefined;
      return entry && Buffer.compare(entry.id, id) === 0 ? directory.name : undefined;
    } catch (error) {
      if (isCoded(error, 'StoreObjectMissing') || isCoded(error, 'StoreDataDamaged')) return undefined;
      throw error;
    }
  }

  /**
   * The plain bytes (good until the codec's next call); undefined when seal, frame or id are wrong. Errors:
   * StoreKeyWrong (a chunk, and this reader has struct keys only).
   */
  openRecord(place: RecordPlace, sealed: Uint8Array, codec: Codec, namer: ChunkNamer): Uint8Array | undefined {
    const { entry, pack } = place;
    const { packId, kind } = pack.directory.header;
    const label = encodeLabel({ ...entry, packId, kind });
    const seal = { key: needRecordKey(pack.key, packId), nonce: recordNonce(entry.slot), label };
    const payload = openSealed(sealed, seal, codec.room(sealed.length));
    if (!payload) return undefined;
    const plain = entry.codec === RAW ? payload : codec.decompress(payload, entry.plainLength);
    if (plain?.length !== entry.plainLength) return undefined;
    return Buffer.compare(namer(plain), entry.id) === 0 ? plain : undefined;
  }

  /**
   * Reads and opens one record. What does not open is read again, from every copy: only what fails twice is damage,
   * for a store or a line to it may err once. Errors: StoreDataDamaged, StoreObjectMissing, StoreIoFailed (no copy
   * was sound and one could not be asked), StoreKeyWrong.
   */
  async readRecord(place: RecordPlace, codec: Codec, namer: ChunkNamer): Promise<Uint8Array> {
    const { name } = place.pack.directory;
    const range = { offset: place.entry.offset, length: place.entry.length };
    const open = async (copy: Backend) => this.openRecord(place, await copy.get(name, range), codec, namer);
    const refused = () => damaged(name, `the record in slot ${place.entry.slot} does not open`);
    return firstSound(this.#backend, name, open, refused, this.#onBadRead);
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
        packs.push({ ...(await this.#readPack(object)), isNewest: object.generation === found[0]!.generation });
      } catch (error) {
        if (!isCoded(error, 'StoreDataDamaged') && !isCoded(error, 'StoreObjectMissing')) throw error;
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

  async #readPack(object: PackObject): Promise<Omit<OpenPack, 'isNewest'>> {
    const { name } = object;
    const directory = await firstSound(
      this.#backend,
      name,
      (copy) => this.#readDirectoryOf(copy, object),
      () => damaged(name, 'its directory cannot be read'),
      this.#onBadRead,
    );
    return { directory, key: recordKey(this.#keys, directory.header) };
  }

  /** The listed size may be that of another copy, which is cut short. */
  async #readDirectoryOf(copy: Backend, object: PackObject): Promise<PackDirectory> {
    try {
      return await this.#readDirectory(copy, object);
    } catch (error) {
      const own = isCoded(error, 'StoreDataDamaged') ? await copy.head(object.name) : undefined;
      if (!own || own.sizeBytes === object.sizeBytes) throw error;
      return this.#readDirectory(copy, { ...object, sizeBytes: own.sizeBytes });
    }
  }

  async #readDirectory(copy: Backend, object: PackObject): Promise<PackDirectory> {
    const { name, sizeBytes } = object;
    let tail = await tailOf(copy, name, sizeBytes, Math.min(TAIL_BYTES, sizeBytes));
    const needed = directoryLength(name, tail);
    if (needed > sizeBytes) throw damaged(name, 'it is shorter than its directory');
    if (needed > tail.length) tail = await tailOf(copy, name, sizeBytes, needed);
    return readDirectory(object, tail.subarray(tail.length - needed), this.#keys, this.#directoryCodec);
  }
}

const tailOf = (copy: Backend, name: string, sizeBytes: number, length: number): Promise<Uint8Array> =>
  copy.get(name, { offset: sizeBytes - length, length });
