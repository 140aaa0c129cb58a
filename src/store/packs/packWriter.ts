import type { Backend } from '../backend.ts';
import type { ChunkNamer } from '../format/chunkId.ts';
import { type Codec, openCodec } from '../format/codec.ts';
import type { DirectoryEntry } from '../format/directory.ts';
import { PACK_SIZE_BYTES, type PackKind } from '../format/pack.ts';
import type { WorkerKeys } from '../keys.ts';
import type { PackRecord } from '../packRecord.ts';
import { idKey, PackBuilder } from './packBuilder.ts';

export interface PackWriterOptions {
  readonly backend: Backend;
  readonly keys: WorkerKeys;
  readonly kind: PackKind;
  readonly namer: ChunkNamer;
  readonly codec?: Codec;
  readonly packSizeBytes?: number;
  readonly afterSeal?: (sealed: Uint8Array) => void;
  /** Called when a pack is durable, and never before. */
  readonly onPack?: (pack: PackRecord, entries: readonly DirectoryEntry[]) => void;
}

export interface Place {
  readonly pack: string;
  readonly slot: number;
}

/** Fills packs and puts them; one is being stored while the next is filled, so memory is two packs. */
export class PackWriter {
  readonly #options: PackWriterOptions;
  readonly #codec: Codec;
  #spare: Uint8Array[] = [];
  #filling: PackBuilder | undefined;
  #fillingBuffer: Uint8Array | undefined;
  #storing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  /** Chunks of the packs that are being filled or stored. */
  readonly #fresh = new Map<string, Place>();

  constructor(options: PackWriterOptions) {
    this.#options = options;
    this.#codec = options.codec ?? openCodec();
  }

  /** Where a chunk lies that this writer has taken but that is not durable yet. */
  recall(id: Uint8Array): Place | undefined {
    return this.#fresh.get(idKey(id));
  }

  async add(id: Uint8Array, plain: Uint8Array): Promise<Place> {
    if (this.#filling && !this.#filling.fits(plain.length)) await this.#rotate();
    this.#filling ??= this.#open();
    const place = { pack: this.#filling.header.packId, slot: this.#filling.add(id, plain) };
    this.#fresh.set(idKey(id), place);
    return place;
  }

  async finish(): Promise<void> {
    if (this.#filling) await this.#rotate();
    await this.#stored();
  }

  #open(): PackBuilder {
    const { keys, kind, namer, packSizeBytes = PACK_SIZE_BYTES, afterSeal } = this.#options;
    const buffer = this.#spare.pop() ?? new Uint8Array(packSizeBytes);
    this.#fillingBuffer = buffer;
    return new PackBuilder({ keys, kind, namer, codec: this.#codec, buffer, ...(afterSeal && { afterSeal }) });
  }

  async #rotate(): Promise<void> {
    const builder = this.#filling!;
    const buffer = this.#fillingBuffer!;
    this.#filling = undefined;
    const { name, bytes } = builder.close();
    await this.#stored();
    this.#storing = this.#store(builder, name, bytes).then(
      () => void this.#spare.push(buffer),
      (error: unknown) => {
        this.#failure = { error };
      },
    );
  }

  /** A failure is kept, not forgotten: every later call meets it. */
  async #stored(): Promise<void> {
    await this.#storing;
    if (this.#failure) throw this.#failure.error;
  }

  async #store(builder: PackBuilder, name: string, bytes: Uint8Array): Promise<void> {
    await this.#options.backend.put(name, bytes);
    const { packId, kind } = builder.header;
    const { entries } = builder;
    this.#options.onPack?.({ packId, name, kind, sizeBytes: bytes.length, slots: entries.length }, entries);
    for (const entry of entries) this.#fresh.delete(idKey(entry.id));
  }
}
