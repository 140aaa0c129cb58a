import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCoded } from '../lib/error.ts';
import { listDatabaseCopies, openDatabaseCopy, putDatabaseCopy } from './databaseCopies.ts';
import { createMemoryBackend } from './memoryBackend.ts';
import { newStore } from './testing/backup.ts';

const TAKEN_AT = Date.parse('2026-03-02T09:00:07.250Z');

async function scratch(): Promise<AsyncDisposable & { readonly at: (name: string) => string }> {
  const folder = await mkdtemp(join(tmpdir(), 'strongroom-copies-'));
  return {
    at: (name) => join(folder, name),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

for (const [what, bytes] of [
  ['an empty file', new Uint8Array(0)],
  ['a small file', Buffer.from('a database of few words')],
  ['a file of three pieces', randomBytes(40 * 2 ** 20)],
] as const)
  test(`${what} comes back as it was put`, async () => {
    await using folder = await scratch();
    const store = await newStore(createMemoryBackend());
    await writeFile(folder.at('in'), bytes);
    const copy = await putDatabaseCopy(store, folder.at('in'), TAKEN_AT);
    assert.match(copy.name, /^db\/20260302T090007Z\.[0-9a-f]{64}$/);
    assert.equal(copy.parts.length, bytes.length > 2 ** 20 ? 2 : 0);
    const { copies, strays } = await listDatabaseCopies(store.backend);
    assert.deepEqual(
      copies.map(({ name, takenAt }) => ({ name, takenAt })),
      [{ name: copy.name, takenAt: Date.parse('2026-03-02T09:00:07Z') }],
    );
    assert.deepEqual(strays, []);
    const manifest = await openDatabaseCopy(store, copy.name, folder.at('out'));
    assert.equal(manifest.sizeBytes, bytes.length);
    assert.equal(Buffer.compare(await readFile(folder.at('out')), bytes), 0);
  });

test('no flipped bit of a copy is taken for a database, and no piece for another', async () => {
  await using folder = await scratch();
  const store = await newStore(createMemoryBackend());
  await writeFile(folder.at('in'), 'the rows of a catalogue');
  const { name } = await putDatabaseCopy(store, folder.at('in'), TAKEN_AT);
  const bytes = await store.backend.get(name);
  for (let at = 0; at < bytes.length; at++) {
    const flipped = new Uint8Array(bytes);
    flipped[at]! ^= 1;
    assert.throws(
      () => store.databaseSeal.open(name, { time: '20260302T090007Z', part: 0 }, flipped),
      (error) => isCoded(error, 'StoreDataDamaged') || isCoded(error, 'StoreKeyWrong'),
      `bit of byte ${at}`,
    );
  }
  for (const piece of [
    { time: '20260302T090008Z', part: 0 },
    { time: '20260302T090007Z', part: 1 },
  ])
    assert.throws(
      () => store.databaseSeal.open(name, piece, bytes),
      (error) => isCoded(error, 'StoreDataDamaged'),
    );
});

test('a copy that lacks a part, or that was cut off before its end, is none', async () => {
  await using folder = await scratch();
  const store = await newStore(createMemoryBackend());
  await writeFile(folder.at('in'), randomBytes(20 * 2 ** 20));
  const copy = await putDatabaseCopy(store, folder.at('in'), TAKEN_AT);
  await store.backend.delete(copy.parts[0]!);
  await assert.rejects(openDatabaseCopy(store, copy.name, folder.at('out')), (error) =>
    isCoded(error, 'StoreObjectMissing'),
  );
  await putDatabaseCopy(store, folder.at('in'), TAKEN_AT + 60_000);
  const { copies } = await listDatabaseCopies(store.backend);
  assert.deepEqual(
    copies.map(({ parts }) => parts.length),
    [1, 0],
    'newest first',
  );
  await store.backend.delete(copies[0]!.name);
  const cut = await listDatabaseCopies(store.backend);
  assert.equal(cut.strays.length, 1, 'its parts are told, not taken for a copy');
});
