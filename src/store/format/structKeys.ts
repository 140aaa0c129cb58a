import type { StructKeys, WorkerKeys } from '../keys.ts';

/** Leaves out whatever opens or names a chunk. A copy: wiping one does not touch the other. */
export const structKeysOf = (keys: WorkerKeys): StructKeys => ({
  vaultId: keys.vaultId,
  generations: keys.generations.map(({ generation, structKey }) => ({
    generation,
    structKey: new Uint8Array(structKey),
  })),
  nodeKey: new Uint8Array(keys.nodeKey),
});
