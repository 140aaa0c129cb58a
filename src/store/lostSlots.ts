import { isCoded } from '../lib/error.ts';
import type { LostSlots } from './affectedRanges.ts';
import type { Backend } from './backend.ts';
import { type ChunkNamer, dataNamer, nodeNamer } from './format/chunkId.ts';
import { openCodec } from './format/codec.ts';
import type { WorkerKeys } from './keys.ts';
import { PackReader } from './packs/packReader.ts';

/**
 * Opens every record of a pack: which slots no copy has sound any more; 'all' when the pack is gone or its directory
 * does not open. Empty: nothing is lost. Errors: StoreIoFailed, StoreQuorumMissing, StoreKeyWrong.
 */
export const lostSlotsOf = async (
  backend: Backend,
  keys: WorkerKeys,
  packId: string,
  signal?: AbortSignal,
): Promise<LostSlots> => {
  const packs = new PackReader({ backend, keys });
  const codec = openCodec();
  const lost = new Set<number>();
  const namers = new Map<number, ChunkNamer>();
  const namerOf = (plainLength: number): ChunkNamer => {
    const namer = namers.get(plainLength) ?? dataNamer(keys, plainLength);
    namers.set(plainLength, namer);
    return namer;
  };
  try {
    for (const place of await packs.records(packId)) {
      signal?.throwIfAborted();
      const isNode = place.pack.directory.header.kind === 'meta';
      const namer = isNode ? nodeNamer(keys) : namerOf(place.entry.plainLength);
      try {
        await packs.readRecord(place, codec, namer);
      } catch (error) {
        if (!isCoded(error, 'StoreDataDamaged') && !isCoded(error, 'StoreObjectMissing')) throw error;
        lost.add(place.entry.slot);
      }
    }
  } catch (error) {
    if (isCoded(error, 'StoreDataDamaged') || isCoded(error, 'StoreObjectMissing')) return 'all';
    throw error;
  }
  return lost;
};
