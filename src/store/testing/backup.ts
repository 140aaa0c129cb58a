import assert from 'node:assert/strict';
import type { Extent } from '../../lib/extent.ts';
import { TurnedClock } from '../../lib/turnedClock.ts';
import type { Backend } from '../backend.ts';
import type { CommitBody } from '../commitBody.ts';
import { DiskReader } from '../diskReader.ts';
import type { KeyEncryptionKey } from '../keys.ts';
import { LeafWriter, type LeafWriterOptions, type WriteStats } from '../leafWriter.ts';
import { createStore, type Store } from '../store.ts';
import { type DiskRoot, leafCount, leafSpanBytes, type NodeRef } from '../tree.ts';
import { writeTree } from '../treeWriter.ts';
import type { SparseDisk } from './sparseDisk.ts';

export const KEK: KeyEncryptionKey = { kind: 'file', bytes: new Uint8Array(32).fill(7) };
export const CHUNK_BYTES = 65_536;

export const newStore = (backend: Backend, vaultId = 'vault-1'): Promise<Store> =>
  createStore(backend, KEK, { vaultId, clock: new TurnedClock() });

export interface BackUpOptions {
  readonly parent?: DiskRoot;
  /** Absent: the whole disk is read where it holds data. */
  readonly changes?: readonly Extent[];
  readonly chunkSizeBytes?: number;
  readonly writer?: Partial<LeafWriterOptions>;
}

/** What a transfer does, in this thread: leaves, then the tree above them. */
export const backUp = async (
  store: Store,
  disk: SparseDisk,
  options: BackUpOptions = {},
): Promise<{ readonly root: DiskRoot; readonly stats: WriteStats }> => {
  const { parent, changes, chunkSizeBytes = CHUNK_BYTES } = options;
  const { backend, workerKeys: keys } = store;
  const writer = new LeafWriter({ backend, keys, chunkSizeBytes, ...options.writer });
  const before = parent && new DiskReader({ backend, keys }, parent);
  const extents = changes ?? disk.dataExtents();
  const leaves = new Map<number, NodeRef | null>();
  const span = leafSpanBytes(chunkSizeBytes);
  for (let index = 0; index < leafCount(disk.sizeBytes, chunkSizeBytes); index++) {
    const touching = extents.filter(
      ({ offset, length }) => offset < (index + 1) * span && offset + length > index * span,
    );
    if (touching.length === 0) continue;
    const job = {
      ...{ index, diskSizeBytes: disk.sizeBytes, extents: touching, whole: !changes },
      parent: before ? await before.leafRef(index) : null,
    };
    leaves.set(index, await writer.writeLeaf(job, disk.read));
  }
  await writer.finish();
  const change = { sizeBytes: disk.sizeBytes, chunkSizeBytes, leaves, whole: !changes, ...(parent && { parent }) };
  return { root: await writeTree({ backend, keys }, change), stats: writer.stats };
};

export const commitBody = (store: Store, cseq: number, root: DiskRoot, more: Partial<CommitBody> = {}): CommitBody => ({
  formatVersion: 1,
  vaultId: store.vaultId,
  pointId: `point-${cseq}`,
  itemId: 'item-1',
  cseq,
  takenAt: 1_767_600_000_000 + cseq,
  createdAt: 1_767_600_001_000 + cseq,
  consistency: 'application',
  expiresAt: null,
  lockUntil: null,
  previous: null,
  machine: { name: 'orchard-db', tags: { stage: 'test' } },
  disks: [{ lun: -1, name: 'os', diskId: 'disk-1', root }],
  ...more,
});

/** Every byte of the disk that the tree holds must be the model's, and nothing else may be non-zero. */
export const assertRestores = async (store: Store, root: DiskRoot, disk: SparseDisk): Promise<void> => {
  const reader = new DiskReader({ backend: store.backend, keys: store.workerKeys }, root);
  const restored = new Set<number>();
  for await (const { index } of reader.leaves()) {
    await reader.readLeafCells(index, (offset, bytes) => {
      assert.equal(restored.has(offset), false, `bytes at ${offset} came twice`);
      restored.add(offset);
      assert.equal(Buffer.compare(bytes, disk.read(offset, bytes.length)), 0, `other bytes at ${offset}`);
    });
  }
  for (const { offset, length } of disk.dataExtents()) {
    if (restored.has(Math.floor(offset / root.chunkSizeBytes) * root.chunkSizeBytes)) continue;
    assert.ok(
      disk.read(offset, length).every((byte) => byte === 0),
      `bytes at ${offset} are lost`,
    );
  }
};
