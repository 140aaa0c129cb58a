import { CodedError } from '../lib/error.ts';

/** Cells of one leaf; at 128 KiB a cell a leaf spans 64 MiB of disk. */
export const LEAF_CELLS = 512;
export const INNER_CHILDREN = 256;

/** Sizes a disk's chunks may have; chosen once for a disk. */
export const CHUNK_SIZES_BYTES: readonly number[] = [65_536, 131_072, 262_144, 1_048_576];
export const DEFAULT_CHUNK_SIZE_BYTES = 131_072;

/** Where a node of a tree lies and what it must hash to. Plain data. */
export interface NodeRef {
  /** Pack id, 32 hex digits. */
  readonly pack: string;
  readonly slot: number;
  /** Keyed hash of the node, 64 hex digits. */
  readonly id: string;
}

/** A whole disk at one moment. */
export interface DiskRoot {
  /** Null: the disk is all zero. */
  readonly node: NodeRef | null;
  /** Inner levels above the leaves; 0 when the disk has one leaf, which then is the root. */
  readonly levels: number;
  readonly sizeBytes: number;
  readonly chunkSizeBytes: number;
}

/** Bytes of disk under one leaf. */
export const leafSpanBytes = (chunkSizeBytes: number): number => LEAF_CELLS * chunkSizeBytes;

export const leafCount = (sizeBytes: number, chunkSizeBytes: number): number =>
  Math.ceil(sizeBytes / leafSpanBytes(chunkSizeBytes));

export const treeLevels = (sizeBytes: number, chunkSizeBytes: number): number => {
  let levels = 0;
  for (let reach = 1; reach < leafCount(sizeBytes, chunkSizeBytes); reach *= INNER_CHILDREN) levels++;
  return levels;
};

/** Errors: InvalidParameter. */
export const assertChunkSize = (chunkSizeBytes: number): void => {
  if (CHUNK_SIZES_BYTES.includes(chunkSizeBytes)) return;
  throw new CodedError(
    'InvalidParameter',
    `chunkSizeBytes ${chunkSizeBytes} must be one of ${CHUNK_SIZES_BYTES.join(', ')}.`,
    {
      target: 'chunkSizeBytes',
    },
  );
};
