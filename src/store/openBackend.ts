import type { Backend, BackendSpec } from './backend.ts';
import { DiskBackend } from './backends/disk.ts';

/** Opens nothing yet: folders are made by the first put. Cheap enough for every worker thread to call. */
export const openBackend = (spec: BackendSpec): Backend => new DiskBackend(spec.folder);
