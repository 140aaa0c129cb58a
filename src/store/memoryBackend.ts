import type { Backend } from './backend.ts';
import { MemoryBackend } from './backends/memory.ts';

/** A store that lives as long as the process; for tests. */
export const createMemoryBackend = (): Backend => new MemoryBackend();
