import { hash, randomBytes } from 'node:crypto';
import { CodedError } from '../../lib/error.ts';
import { type ChunkNamer, ID_BYTES } from '../format/chunkId.ts';
import { type Codec, RAW, ZSTD } from '../format/codec.ts';
import { type DirectoryEntry, directoryRoom, writeDirectory } from '../format/directory.ts';
import { packName } from '../format/names.ts';
import {
  encodeHeader,
  encodeLabel,
  HEADER_BYTES,
  MAX_SLOTS,
  needRecordKey,
  type PackHeader,
  type PackKind,
  recordKey,
  recordNonce,
} from '../format/pack.ts';
import { openSealed, sealInto, TAG_BYTES } from '../format/seal.ts';
import type { WorkerKeys } from '../keys.ts';

export interface PackBuilderOptions {
  readonly keys: WorkerKeys;
  readonly kind: PackKind;
  readonly codec: Codec;
  readonly namer: ChunkNamer;
  /** The pack is built here and never outgrows it. */
  readonly buffer: Uint8Array;
  /** For tests: what a fault does to a sealed record before it is checked. */
  readonly afterSeal?: (sealed: Uint8Array) => void;
}

/** A pack being filled, in memory. */
export class PackBuilder {
  readonly header: PackHeader;
  readonly entries: DirectoryEntry[] = [];
  readonly #options: PackBuilderOptions;
  readonly #key: Uint8Array;
  #end = HEADER_BYTES;

  constructor(options: PackBuilderOptions) {
    this.#options = options;
    this.header = {
      packId: randomBytes(16).toString('hex'),
      generation: 0,
      kind: options.kind,
      keyGeneration: options.keys.generations.at(-1)!.generation,
      salt: randomBytes(32),
    };
    this.#key = needRecordKey(recordKey(options.keys, this.header), this.header.packId);
    options.buffer.set(encodeHeader(this.header), 0);
  }

  fits(plainLength: number): boolean {
    const slots = this.entries.length + 1;
    return (
      slots <= MAX_SLOTS && this.#end + plainLength + TAG_BYTES + directoryRoom(slots) <= this.#options.buffer.length
    );
  }

  /**
   * Compresses and seals a chunk that `fits`, then opens it again in memory: what a memory fault or a fault of the
   * compressor spoilt never reaches the store. Returns the slot. Errors: StoreDataDamaged after a second spoilt try.
   */
  add(id: Uint8Array, plain: Uint8Array): number {
    const slot = this.entries.length;
    const entry =
      this.#seal(slot, id, plain, this.#options.codec.compress(plain)) ?? this.#seal(slot, id, plain, undefined);
    if (!entry) {
      throw new CodedError(
        'StoreDataDamaged',
        'A sealed chunk did not open to what was sealed, twice; it was not stored.',
        {
          recommendations: ["Check this computer's memory before the next backup."],
        },
      );
    }
    this.entries.push(entry);
    this.#end += entry.length;
    return slot;
  }

  #seal(slot: number, id: Uint8Array, plain: Uint8Array, packed: Uint8Array | undefined): DirectoryEntry | undefined {
    const codec = packed ? ZSTD : RAW;
    const label = encodeLabel({
      packId: this.header.packId,
      kind: this.header.kind,
      slot,
      codec,
      id,
      plainLength: plain.length,
    });
    const seal = { key: this.#key, nonce: recordNonce(slot), label };
    const length = sealInto(this.#options.buffer, this.#end, seal, packed ?? plain);
    const sealed = this.#options.buffer.subarray(this.#end, this.#end + length);
    this.#options.afterSeal?.(sealed);
    const opened = openSealed(sealed, seal, this.#options.codec.room(length));
    const unpacked = opened && (packed ? this.#options.codec.decompress(opened, plain.length) : opened);
    if (!unpacked || Buffer.compare(this.#options.namer(unpacked), id) !== 0) return undefined;
    return { slot, offset: this.#end, length, plainLength: plain.length, codec, id };
  }

  /** The whole object. The builder is spent. */
  close(): { readonly name: string; readonly bytes: Uint8Array } {
    const { buffer, keys, codec } = this.#options;
    const end = this.#end + writeDirectory(buffer, this.#end, { keys, header: this.header, codec }, this.entries);
    const bytes = buffer.subarray(0, end);
    return { name: packName(this.header.packId, this.header.generation, hash('sha256', bytes, 'hex')), bytes };
  }
}

export const idKey = (id: Uint8Array): string => Buffer.from(id.buffer, id.byteOffset, ID_BYTES).toString('latin1');
