import type { Backend, BackendSpec } from './backend.ts';
import { DiskBackend } from './backends/disk.ts';

/** Opens nothing yet: folders are made by the first put. Cheap enough for every worker thread to call. */
export const openBackend = (spec: BackendSpec): Backend => new DiskBackend(spec.folder);

/** Deletes what puts of dead processes left; only while no other process writes to the store. Returns how many. */
export const removeLeftovers = (spec: BackendSpec): Promise<number> => new DiskBackend(spec.folder).removeLeftovers();
