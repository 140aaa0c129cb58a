import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Damage } from './damage.ts';
import { openBackend } from './openBackend.ts';
import type { PackRecord } from './packRecord.ts';
import { type VerifyReport, verifyAll, verifyPoint } from './rescue.ts';
import { openChecks } from './storeChecks.ts';
import { backUp, CHUNK_BYTES, commitBody, KEK, newStore } from './testing/backup.ts';
import { SparseDisk } from './testing/sparseDisk.ts';
import { leafSpanBytes } from './tree.ts';

const LEAVES = 6;

/** Two points on the disk, the second one with a leaf changed. */
const twoPoints = async (folder: string) => {
  const spec = { kind: 'disk', folder } as const;
  const store = await newStore(openBackend(spec));
  const disk = new SparseDisk(LEAVES * leafSpanBytes(CHUNK_BYTES));
  const packs: PackRecord[] = [];
  const writer = { onPack: (pack: PackRecord) => void packs.push(pack) };
  for (let leaf = 0; leaf < LEAVES; leaf++) disk.write(leaf * leafSpanBytes(CHUNK_BYTES), randomBytes(3 * CHUNK_BYTES));
  const { root: first } = await backUp(store, disk, { writer });
  disk.write(CHUNK_BYTES, randomBytes(100));
  const { root: second } = await backUp(store, disk, { writer, parent: first });
  let previous: string | null = null;
  for (const [index, root] of [first, second].entries()) {
    const { name, bytes } = store.sealCommit(commitBody(store, index + 1, root, { previous }));
    await store.putCommit(name, bytes);
    previous = name.slice(-64);
  }
  return { spec, store, dataPack: packs.find(({ kind }) => kind === 'data')!.name };
};

const sorted = (report: VerifyReport): VerifyReport => {
  const key = ({ object, pointId = '', offset = 0 }: Damage) => `${object} ${pointId} ${offset}`;
  return { ...report, damages: report.damages.toSorted((a, b) => (key(a) < key(b) ? -1 : 1)) };
};

test('threads find what the calling thread finds: all sound, then a bit flipped', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'strongroom-checks-'));
  const { spec, dataPack } = await twoPoints(folder);
  const alone = { backend: openBackend(spec), kek: KEK };
  const threaded = { ...alone, threads: { spec, workers: 2 } };
  const sound = await verifyAll(threaded);
  assert.deepEqual(sound.damages, []);
  assert.deepEqual(sound, await verifyAll(alone));
  assert.deepEqual(await verifyPoint(threaded, 'point-2'), await verifyPoint(alone, 'point-2'));

  const file = join(folder, dataPack);
  const bytes = await readFile(file);
  bytes[100 + 3 * CHUNK_BYTES]! ^= 4;
  await writeFile(file, bytes);
  const spoilt = await verifyAll(threaded);
  const ranges = spoilt.damages.filter(({ pointId }) => pointId !== undefined);
  assert.deepEqual(
    ranges.map(({ pointId, length }) => [pointId, length]),
    [
      ['point-1', CHUNK_BYTES],
      ['point-2', CHUNK_BYTES],
    ],
    'of the spoilt pack one record alone is lost',
  );
  assert.deepEqual(sorted(spoilt), sorted(await verifyAll(alone)));
  const onePoint = await verifyPoint(threaded, 'point-2');
  assert.deepEqual(onePoint.damages, await verifyPoint(alone, 'point-2').then(({ damages }) => damages));
  assert.equal(onePoint.damages.length, 1);
  await rm(folder, { recursive: true });
});

test('an abort ends the threads', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'strongroom-checks-'));
  const { spec, store } = await twoPoints(folder);
  const stop = new AbortController();
  await using checks = await openChecks(store, { spec, workers: 1 }, stop.signal);
  const checking = checks.object('fmt');
  stop.abort(new Error('enough'));
  await assert.rejects(checking, { message: 'enough' });
  await rm(folder, { recursive: true });
});
