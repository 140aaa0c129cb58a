import type { Clock } from '../lib/clock.ts';
import type { Backend, BackendSpec, ReplicatedSpec } from './backend.ts';
import { openAzureBlobBackend } from './backends/azureBlob.ts';
import { DaemonBackend } from './backends/daemon.ts';
import { DiskBackend } from './backends/disk.ts';
import { type NamedCopy, ReplicatedBackend } from './backends/replicated.ts';
import { openS3Backend } from './backends/s3.ts';

/** Opens nothing yet: folders are made by the first put. Cheap enough for every worker thread to call. */
export const openBackend = (spec: BackendSpec): Backend => {
  switch (spec.kind) {
    case 'disk':
      return new DiskBackend(spec.folder);
    case 'daemon':
      return new DaemonBackend(spec);
    case 's3':
      return openS3Backend(spec);
    case 'azureBlob':
      return openAzureBlobBackend(spec);
    case 'replicated':
      return openReplicated(spec);
  }
};

const openReplicated = ({ copies, quorum, names = [] }: ReplicatedSpec): Backend =>
  replicatedBackend(
    copies.map((copy, index) => ({ name: names[index] ?? `copy ${index + 1}`, backend: openBackend(copy) })),
    quorum,
  );

/** As the spec 'replicated' of copies that are open already, nearest first. */
export const replicatedBackend = (copies: readonly NamedCopy[], quorum: number, clock?: Clock): Backend =>
  new ReplicatedBackend(copies, quorum, clock);

/** Deletes what puts of dead processes left; only while no other process writes to the store. Returns how many. */
export const removeLeftovers = async (spec: BackendSpec): Promise<number> => {
  if (spec.kind === 'disk') return new DiskBackend(spec.folder).removeLeftovers();
  if (spec.kind !== 'replicated') return 0;
  const counts = await Promise.all(spec.copies.map(removeLeftovers));
  return counts.reduce((sum, count) => sum + count, 0);
};
