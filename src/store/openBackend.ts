import { CodedError } from '../lib/error.ts';
import type { Backend, BackendSpec } from './backend.ts';
import { DiskBackend } from './backends/disk.ts';

/** Opens nothing yet: folders are made by the first put. Cheap enough for every worker thread to call. */
export const openBackend = (spec: BackendSpec): Backend => {
  switch (spec.kind) {
    case 'disk':
      return new DiskBackend(spec.folder);
    default:
      throw new CodedError('NotImplemented', `The storage '${spec.kind}' is not there yet.`);
  }
};

/** Deletes what puts of dead processes left; only while no other process writes to the store. Returns how many. */
export const removeLeftovers = async (spec: BackendSpec): Promise<number> => {
  if (spec.kind === 'disk') return new DiskBackend(spec.folder).removeLeftovers();
  if (spec.kind !== 'replicated') return 0;
  const counts = await Promise.all(spec.copies.map(removeLeftovers));
  return counts.reduce((sum, count) => sum + count, 0);
};
