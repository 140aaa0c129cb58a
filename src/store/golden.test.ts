import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { it } from 'node:test';
import { createMemoryBackend } from './memoryBackend.ts';
import { verifyAll } from './rescue.ts';
import { openStore } from './store.ts';
import { assertRestores, backUp, KEK } from './testing/backup.ts';
import { goldenDisks } from './testing/golden/goldenDisks.ts';

it('a vault of format version 1 opens, verifies, restores and takes another backup', async () => {
  const file = await readFile(new URL('testing/golden/golden-v1.json', import.meta.url), 'utf8');
  const backend = createMemoryBackend();
  for (const [name, bytes] of Object.entries<string>(JSON.parse(file)))
    await backend.put(name, Buffer.from(bytes, 'base64'));
  const store = await openStore(backend, KEK);
  const { first, second, changes } = goldenDisks();
  const bodies = [];
  for await (const { name } of store.commits()) bodies.push(await store.openCommit(name));
  bodies.sort((a, b) => a.cseq - b.cseq);
  const [one, two] = bodies.map(({ disks }) => disks[0]!.root);
  await assertRestores(store, one!, first);
  await assertRestores(store, two!, second);
  assert.deepEqual((await verifyAll({ backend, kek: KEK })).damages, []);
  const again = await backUp(store, second, { parent: one!, changes });
  assert.equal(again.root.node!.id === two!.node!.id, false, 'places differ');
  await assertRestores(store, again.root, second);
  const unchanged = await backUp(store, second, { parent: two! });
  assert.deepEqual(unchanged.root, two, 'the same bytes are still named the same');
});
