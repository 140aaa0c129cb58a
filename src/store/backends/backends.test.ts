import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { createMemoryBackend } from '../memoryBackend.ts';
import { openBackend } from '../openBackend.ts';
import { backendContract } from './backend.contract.ts';

const folders: string[] = [];
after(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

backendContract('memory', async () => createMemoryBackend());
backendContract('disk', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'strongroom-store-'));
  folders.push(folder);
  return openBackend({ kind: 'disk', folder: join(folder, 'vault', 'store') });
});
