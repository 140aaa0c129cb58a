import { isCoded } from '../../lib/error.ts';
import { turn } from '../../lib/turn.ts';
import type { Backend } from '../backend.ts';
import type { Damage } from '../damage.ts';
import { type ChunkNamer, dataNamer, nodeNamer } from '../format/chunkId.ts';
import { openCodec } from '../format/codec.ts';
import { directoryLength, type PackDirectory, readDirectory } from '../format/directory.ts';
import { parsePackName } from '../format/names.ts';
import { recordKey } from '../format/pack.ts';
import type { WorkerKeys } from '../keys.ts';
import { sha256Of } from '../objectHash.ts';
import { examineObject } from '../scrub.ts';
import { copiesOf } from '../secondOpinion.ts';
import { PackReader } from './packReader.ts';

export interface ObjectFindings {
  /** One for each copy that is not sound. */
  readonly damages: readonly Damage[];
  /** Of a pack of which a copy is sound: the slots whose records open, a bit each. */
  readonly proven?: Uint8Array;
}

const TURN_EVERY_BYTES = 1024 * 1024;

/** Compares an object of every copy with its name; of a pack, all records are opened out of the same bytes. */
export class ObjectCheck {
  readonly #backend: Backend;
  readonly #keys: WorkerKeys;
  readonly #packs: PackReader;
  readonly #codec = openCodec();
  readonly #nodeNamer: ChunkNamer;
  readonly #dataNamers = new Map<number, ChunkNamer>();

  readonly #onDone: (bytes: Uint8Array) => void;

  /** `onDone` gets the bytes of each object when nobody reads them any more. */
  constructor(
    { backend, workerKeys: keys }: { readonly backend: Backend; readonly workerKeys: WorkerKeys },
    onDone: (bytes: Uint8Array) => void = () => {},
  ) {
    this.#onDone = onDone;
    this.#backend = backend;
    this.#keys = keys;
    this.#packs = new PackReader({ backend, keys });
    this.#nodeNamer = nodeNamer(keys);
  }

  /** Errors: StoreIoFailed when a copy itself cannot be read. */
  async run(name: string): Promise<ObjectFindings> {
    const damages: Damage[] = [];
    let proven: Uint8Array | undefined;
    for (const copy of copiesOf(this.#backend)) {
      const { verdict, bytes } = await examineObject(copy, name, sha256Of);
      if (verdict !== 'sound') damages.push({ object: name, message: verdict.message });
      else proven ??= await this.#prove(name, bytes!);
      if (bytes) this.#onDone(bytes);
    }
    return { damages, ...(proven && { proven }) };
  }

  async #prove(name: string, bytes: Uint8Array): Promise<Uint8Array | undefined> {
    const directory = this.#directoryOf(name, bytes);
    if (!directory) return undefined;
    const pack = { directory, key: recordKey(this.#keys, directory.header), isNewest: true };
    const { slots } = directory;
    const proven = new Uint8Array(slots === 0 ? 0 : (directory.at(slots - 1).slot >>> 3) + 1);
    let openedBytes = 0;
    for (let index = 0; index < slots; index++) {
      const entry = directory.at(index);
      const sealed = bytes.subarray(entry.offset, entry.offset + entry.length);
      const namer = directory.header.kind === 'meta' ? this.#nodeNamer : this.#dataNamer(entry.plainLength);
      if (this.#packs.openRecord({ pack, entry }, sealed, this.#codec, namer))
        proven[entry.slot >>> 3]! |= 1 << (entry.slot & 7);
      openedBytes += entry.plainLength;
      if (openedBytes < TURN_EVERY_BYTES) continue;
      openedBytes = 0;
      await turn();
    }
    return proven;
  }

  /** Undefined: it is no pack, or none that these keys open; whoever needs it is told why. */
  #directoryOf(name: string, bytes: Uint8Array): PackDirectory | undefined {
    const parsed = parsePackName(name);
    if (!parsed) return undefined;
    try {
      const tail = bytes.subarray(bytes.length - directoryLength(name, bytes));
      const pack = { name, packId: parsed.packId, sizeBytes: bytes.length };
      const directory = readDirectory(pack, tail, this.#keys, this.#codec);
      return directory.header.generation === parsed.generation ? directory : undefined;
    } catch (error) {
      if (isCoded(error, 'StoreDataDamaged') || isCoded(error, 'StoreKeyWrong')) return undefined;
      throw error;
    }
  }

  #dataNamer(plainLength: number): ChunkNamer {
    const namer = this.#dataNamers.get(plainLength) ?? dataNamer(this.#keys, plainLength);
    this.#dataNamers.set(plainLength, namer);
    return namer;
  }
}
