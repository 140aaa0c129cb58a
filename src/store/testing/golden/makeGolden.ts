import { writeFile } from 'node:fs/promises';
import { TurnedClock } from '../../../lib/turnedClock.ts';
import { listed } from '../../backends/backend.contract.ts';
import { createMemoryBackend } from '../../memoryBackend.ts';
import { createStore } from '../../store.ts';
import { backUp, commitBody, KEK } from '../backup.ts';
import { goldenDisks } from './goldenDisks.ts';

/**
 * Writes golden-v1.json, a small vault as this release writes it: `node src/store/testing/golden/makeGolden.ts`. Run
 * once for a format version; a golden vault that was released is never made anew.
 */
const backend = createMemoryBackend();
const store = await createStore(backend, KEK, { vaultId: 'golden-vault', clock: new TurnedClock() });
const { first, second, changes } = goldenDisks();
const full = await backUp(store, first);
const one = store.sealCommit(commitBody(store, 1, full.root));
await store.putCommit(one.name, one.bytes);
const next = await backUp(store, second, { parent: full.root, changes });
const two = store.sealCommit(commitBody(store, 2, next.root, { previous: one.name.slice(-64) }));
await store.putCommit(two.name, two.bytes);

const objects: Record<string, string> = {};
for (const { name } of await listed(backend, ''))
  objects[name] = Buffer.from(await backend.get(name)).toString('base64');
await writeFile(new URL('golden-v1.json', import.meta.url), `${JSON.stringify(objects, null, 2)}\n`);
