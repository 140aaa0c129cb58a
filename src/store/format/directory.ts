import { randomBytes } from 'node:crypto';
import type { StructKeys } from '../keys.ts';
import { type Codec, type CodecId, RAW, ZSTD } from './codec.ts';
import {
  decodeHeader,
  directoryKey,
  encodeHeader,
  HEADER_BYTES,
  MAX_PLAIN_BYTES,
  MAX_SLOTS,
  PACK_END_MAGIC,
  type PackHeader,
} from './pack.ts';
import { damaged, NONCE_BYTES, openSealed, sealInto, TAG_BYTES } from './seal.ts';

/** Bytes of an entry: packId 16, slot 4, offset 4, length 4, plainLength 4, kind 1, codec 1, id 32. */
export const ENTRY_BYTES = 66;
/** codec 1, plainLength 4, nonce 12 … tag 16, length 4, header 68, magic 8. */
const FRAME_BYTES = 5 + NONCE_BYTES + TAG_BYTES + 4 + HEADER_BYTES + 8;
/** Most directories are shorter than this, so that one read from a pack's end brings them. */
export const TAIL_BYTES = 65_536;

export interface DirectoryEntry {
  readonly slot: number;
  /** Of the sealed record, from the pack's start. */
  readonly offset: number;
  readonly length: number;
  readonly plainLength: number;
  readonly codec: CodecId;
  /** 32 bytes. */
  readonly id: Uint8Array;
}

/** Bytes that a directory of `slots` entries needs at most, with all that follows it. */
export const directoryRoom = (slots: number): number => slots * ENTRY_BYTES + FRAME_BYTES;

/** Writes directory and trailer into `target` at `offset`; returns the bytes written. */
export const writeDirectory = (
  target: Uint8Array,
  offset: number,
  pack: { readonly keys: StructKeys; readonly header: PackHeader; readonly codec: Codec },
  entries: readonly DirectoryEntry[],
): number => {
  const plain = encodeEntries(pack.header, entries);
  const packed = pack.codec.compress(plain);
  const payload = packed ?? plain;
  const view = Buffer.from(target.buffer, target.byteOffset, target.length);
  const start = offset;
  view[offset] = packed ? ZSTD : RAW;
  view.writeUInt32LE(plain.length, offset + 1);
  const nonce = randomBytes(NONCE_BYTES);
  view.set(nonce, offset + 5);
  offset += 5 + NONCE_BYTES;
  const header = encodeHeader(pack.header);
  const label = Buffer.concat([header, view.subarray(start, start + 5)]);
  offset += sealInto(target, offset, { key: directoryKey(pack.keys, pack.header), nonce, label }, payload);
  view.writeUInt32LE(offset - start, offset);
  view.set(header, offset + 4);
  PACK_END_MAGIC.copy(view, offset + 4 + HEADER_BYTES);
  return offset + 4 + HEADER_BYTES + 8 - start;
};

const encodeEntries = (header: PackHeader, entries: readonly DirectoryEntry[]): Uint8Array => {
  const plain = Buffer.alloc(entries.length * ENTRY_BYTES);
  entries.forEach((entry, index) => {
    const at = index * ENTRY_BYTES;
    plain.write(header.packId, at, 'hex');
    plain.writeUInt32LE(entry.slot, at + 16);
    plain.writeUInt32LE(entry.offset, at + 20);
    plain.writeUInt32LE(entry.length, at + 24);
    plain.writeUInt32LE(entry.plainLength, at + 28);
    plain[at + 32] = header.kind === 'data' ? 1 : 2;
    plain[at + 33] = entry.codec;
    plain.set(entry.id, at + 34);
  });
  return plain;
};

/** The directory of one pack as it was read and authenticated. */
export class PackDirectory {
  readonly name: string;
  readonly header: PackHeader;
  readonly #entries: Buffer;

  constructor(name: string, header: PackHeader, entries: Buffer) {
    this.name = name;
    this.header = header;
    this.#entries = entries;
  }

  get slots(): number {
    return this.#entries.length / ENTRY_BYTES;
  }

  get sizeBytes(): number {
    return this.#entries.length + 256;
  }

  find(slot: number): DirectoryEntry | undefined {
    let low = 0;
    let high = this.slots - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.#entries.readUInt32LE(middle * ENTRY_BYTES + 16);
      if (found === slot) return this.at(middle);
      if (found < slot) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }

  at(index: number): DirectoryEntry {
    const at = index * ENTRY_BYTES;
    return {
      slot: this.#entries.readUInt32LE(at + 16),
      offset: this.#entries.readUInt32LE(at + 20),
      length: this.#entries.readUInt32LE(at + 24),
      plainLength: this.#entries.readUInt32LE(at + 28),
      codec: this.#entries[at + 33] as CodecId,
      id: this.#entries.subarray(at + 34, at + 66),
    };
  }
}

/** How many bytes from a pack's end hold directory and trailer. Errors: StoreDataDamaged. */
export const directoryLength = (name: string, tail: Uint8Array): number => {
  const view = Buffer.from(tail.buffer, tail.byteOffset, tail.length);
  const end = view.length - 8 - HEADER_BYTES - 4;
  if (end < 0 || !view.subarray(view.length - 8).equals(PACK_END_MAGIC))
    throw damaged(name, 'it does not end as a pack');
  const length = view.readUInt32LE(end);
  if (length < 5 + NONCE_BYTES + TAG_BYTES || length > directoryRoom(MAX_SLOTS)) {
    throw damaged(name, `its directory cannot be ${length} bytes long`);
  }
  return length + 4 + HEADER_BYTES + 8;
};

/** `tail`: the pack's last bytes, as many as `directoryLength` says. Errors: StoreDataDamaged, StoreKeyWrong. */
export const readDirectory = (
  pack: { readonly name: string; readonly packId: string; readonly sizeBytes: number },
  tail: Uint8Array,
  keys: StructKeys,
  codec: Codec,
): PackDirectory => {
  const view = Buffer.from(tail.buffer, tail.byteOffset, tail.length);
  const headerAt = view.length - 8 - HEADER_BYTES;
  const headerBytes = view.subarray(headerAt, headerAt + HEADER_BYTES);
  const header = decodeHeader(headerBytes);
  if (!header || header.packId !== pack.packId) throw damaged(pack.name, 'its header is that of another object');
  const plainLength = view.readUInt32LE(1);
  const payload = openSealed(view.subarray(5 + NONCE_BYTES, headerAt - 4), {
    key: directoryKey(keys, header),
    nonce: view.subarray(5, 5 + NONCE_BYTES),
    label: Buffer.concat([headerBytes, view.subarray(0, 5)]),
  });
  if (!payload) throw damaged(pack.name, 'the seal of its directory is broken');
  const plain =
    view[0] === RAW
      ? payload
      : plainLength <= MAX_SLOTS * ENTRY_BYTES
        ? codec.decompress(payload, plainLength)
        : undefined;
  if (plain?.length !== plainLength) throw damaged(pack.name, 'its directory has another length than it says');
  const directory = new PackDirectory(pack.name, header, Buffer.from(new Uint8Array(plain).buffer));
  checkEntries(
    pack,
    directory,
    Buffer.from(plain.buffer, plain.byteOffset, plain.length),
    pack.sizeBytes - view.length,
  );
  return directory;
};

/** The seal proves who wrote the directory; this proves that it makes sense. */
const checkEntries = (
  pack: { readonly name: string; readonly packId: string },
  directory: PackDirectory,
  plain: Buffer,
  recordsEnd: number,
): void => {
  if (plain.length % ENTRY_BYTES !== 0) throw damaged(pack.name, 'its directory has no whole number of entries');
  const kind = directory.header.kind === 'data' ? 1 : 2;
  let end = HEADER_BYTES;
  let slot = -1;
  for (let index = 0; index < directory.slots; index++) {
    const entry = directory.at(index);
    const at = index * ENTRY_BYTES;
    const sound =
      plain.toString('hex', at, at + 16) === pack.packId &&
      plain[at + 32] === kind &&
      entry.slot > slot &&
      entry.slot < MAX_SLOTS &&
      entry.offset === end &&
      entry.length > TAG_BYTES &&
      entry.plainLength <= MAX_PLAIN_BYTES &&
      (entry.codec === RAW || entry.codec === ZSTD);
    if (!sound) throw damaged(pack.name, `entry ${index} of its directory makes no sense`);
    slot = entry.slot;
    end += entry.length;
  }
  if (end !== recordsEnd) throw damaged(pack.name, 'its records do not fill it');
};
