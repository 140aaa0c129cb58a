import { Blake3Hasher } from '@napi-rs/blake-hash';
import type { StructKeys, WorkerKeys } from '../keys.ts';
import { deriveKey } from './seal.ts';

export const ID_BYTES = 32;
/** Bytes of an id that leaves and the dedupe index keep. */
export const SHORT_ID_BYTES = 16;

/** Names a plaintext by its keyed BLAKE3 hash. 32 fresh bytes. */
export type ChunkNamer = (plain: Uint8Array) => Uint8Array;

const NO_SALT = new Uint8Array(0);

/**
 * The key is of the kind and the chunk size, so a chunk can never pass for a node of a tree nor the other way round,
 * whatever bytes a guest writes.
 */
const namer = (key: Uint8Array): ChunkNamer => {
  const hasher = Blake3Hasher.newKeyed(Buffer.from(key));
  return (plain) => {
    hasher.reset();
    return hasher.update(plain).digestBuffer();
  };
};

export const dataNamer = (keys: WorkerKeys, chunkSizeBytes: number): ChunkNamer =>
  namer(deriveKey(keys.idKey, NO_SALT, `id data ${chunkSizeBytes}`));

export const nodeNamer = (keys: StructKeys): ChunkNamer => namer(keys.nodeKey);
