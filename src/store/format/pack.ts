import { CodedError } from '../../lib/error.ts';
import type { KeyGeneration, StructGeneration, StructKeys } from '../keys.ts';
import type { PackRecord } from '../packRecord.ts';
import type { CodecId } from './codec.ts';
import { deriveKey } from './seal.ts';

/** Layout of a pack, docs/store-format.md, "Pack". */
export const PACK_MAGIC = Buffer.from('SRMPACK1', 'latin1');
export const PACK_END_MAGIC = Buffer.from('SRMPEND1', 'latin1');
export const HEADER_BYTES = 68;
/** Two are in memory for every writing thread; docs/decisions/ says why not more. */
export const PACK_SIZE_BYTES = 16 * 1024 * 1024;
export const MAX_SLOTS = 65_535;
/** No record's plaintext is longer. */
export const MAX_PLAIN_BYTES = 1_048_576;
const LABEL_BYTES = 66;

export type PackKind = PackRecord['kind'];
const KIND_BYTE = { data: 1, meta: 2 } as const;

export interface PackHeader {
  /** 32 hex digits. */
  readonly packId: string;
  /** Counts compactions; 0 as first written. */
  readonly generation: number;
  readonly kind: PackKind;
  readonly keyGeneration: number;
  /** 32 bytes, new for every pack, kept through compaction: no two packs seal with the same key. */
  readonly salt: Uint8Array;
}

export const encodeHeader = (header: PackHeader): Uint8Array => {
  const bytes = Buffer.alloc(HEADER_BYTES);
  PACK_MAGIC.copy(bytes, 0);
  bytes.write(header.packId, 8, 'hex');
  bytes.writeUInt32LE(header.generation, 24);
  bytes[28] = KIND_BYTE[header.kind];
  bytes.writeUInt32LE(header.keyGeneration, 32);
  bytes.set(header.salt, 36);
  return bytes;
};

/** Undefined: not the header of a pack. */
export const decodeHeader = (bytes: Uint8Array): PackHeader | undefined => {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.length !== HEADER_BYTES || !view.subarray(0, 8).equals(PACK_MAGIC)) return undefined;
  const kind = view[28] === KIND_BYTE.data ? 'data' : view[28] === KIND_BYTE.meta ? 'meta' : undefined;
  if (!kind || view.readUIntLE(29, 3) !== 0) return undefined;
  return {
    packId: view.toString('hex', 8, 24),
    generation: view.readUInt32LE(24),
    kind,
    keyGeneration: view.readUInt32LE(32),
    salt: new Uint8Array(view.subarray(36, 68)),
  };
};

const keysOf = (keys: StructKeys, keyGeneration: number): StructGeneration & Partial<KeyGeneration> => {
  const found = keys.generations.find((one) => one.generation === keyGeneration);
  if (found) return found;
  throw new CodedError(
    'StoreKeyWrong',
    `This key set has no generation ${keyGeneration}: it is older than the store.`,
    {
      recommendations: ['Open the store with its newest keys/ object.'],
    },
  );
};

/**
 * Chunks are sealed with the data key, nodes of trees with the struct key. Undefined: chunks, and only struct keys to
 * open them with. Errors: StoreKeyWrong (no such generation).
 */
export const recordKey = (keys: StructKeys, header: PackHeader): Uint8Array | undefined => {
  const { dataKey, structKey } = keysOf(keys, header.keyGeneration);
  const secret = header.kind === 'data' ? dataKey : structKey;
  return secret && deriveKey(secret, header.salt, `record ${header.kind}`);
};

/** As `recordKey`. Errors: StoreKeyWrong (also for chunks and only struct keys). */
export const needRecordKey = (key: Uint8Array | undefined, packId: string): Uint8Array => {
  if (key) return key;
  throw new CodedError('StoreKeyWrong', `The struct keys do not open chunks, and pack ${packId} holds chunks.`, {
    recommendations: ['Reading chunks needs the data keys: give the work the worker keys.'],
  });
};

export const directoryKey = (keys: StructKeys, header: PackHeader): Uint8Array =>
  deriveKey(keysOf(keys, header.keyGeneration).structKey, header.salt, 'directory');

/** What a record is; its seal is bound to it. */
export interface RecordLabel {
  readonly packId: string;
  readonly kind: PackKind;
  readonly slot: number;
  readonly codec: CodecId;
  /** 32 bytes. */
  readonly id: Uint8Array;
  readonly plainLength: number;
}

export const encodeLabel = (label: RecordLabel): Uint8Array => {
  const bytes = Buffer.allocUnsafe(LABEL_BYTES);
  PACK_MAGIC.copy(bytes, 0);
  bytes.write(label.packId, 8, 'hex');
  bytes.writeUInt32LE(label.slot, 24);
  bytes[28] = KIND_BYTE[label.kind];
  bytes[29] = label.codec;
  bytes.set(label.id, 30);
  bytes.writeUInt32LE(label.plainLength, 62);
  return bytes;
};

/** The slot, as 96 bits: unique under the pack's own key. */
export const recordNonce = (slot: number): Uint8Array => {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32LE(slot, 0);
  return nonce;
};
