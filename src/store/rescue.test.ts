import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { isCoded } from '../lib/error.ts';
import { openBackend } from './openBackend.ts';
import { listPoints, restoreDisk, verifyAll, verifyPoint } from './rescue.ts';
import { backUp, CHUNK_BYTES, commitBody, KEK, newStore } from './testing/backup.ts';
import { SparseDisk } from './testing/sparseDisk.ts';
import { leafSpanBytes } from './tree.ts';

const SIZE = 2 * leafSpanBytes(CHUNK_BYTES) + 777;
let folder = '';
const disk = new SparseDisk(SIZE);
const access = () => ({ backend: openBackend({ kind: 'disk', folder: join(folder, 'store') }), kek: KEK });

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'strongroom-rescue-'));
  const store = await newStore(access().backend);
  disk.write(1000, randomBytes(100_000));
  disk.write(SIZE - 600, randomBytes(600));
  const { root } = await backUp(store, disk);
  let previous: string | null = null;
  for (const cseq of [1, 2]) {
    const { name, bytes } = store.sealCommit(commitBody(store, cseq, root, { previous }));
    await store.putCommit(name, bytes);
    previous = name.slice(-64);
  }
});
after(() => rm(folder, { recursive: true }));

describe('rescue, with the folder and the key alone', () => {
  it('lists the points, oldest first', async () => {
    const { vaultId, points, damages } = await listPoints(access());
    assert.equal(vaultId, 'vault-1');
    assert.deepEqual(
      points.map(({ pointId }) => pointId),
      ['point-1', 'point-2'],
    );
    assert.deepEqual(points[0]!.disks, [{ lun: -1, name: 'os', sizeBytes: SIZE }]);
    assert.deepEqual(points[0]!.machine, { name: 'orchard-db', tags: { stage: 'test' } });
    assert.deepEqual(damages, []);
  });

  it('restores a disk as a sparse file', async () => {
    const targetPath = join(folder, 'restored.raw');
    const seen: number[] = [];
    const onProgress = ({ bytesDone, bytesTotal }: { bytesDone: number; bytesTotal: number }): void => {
      seen.push(bytesDone / bytesTotal);
    };
    const report = await restoreDisk({ ...access(), onProgress }, { pointId: 'point-1', lun: -1, targetPath });
    assert.equal(report.sizeBytes, SIZE);
    assert.equal(report.writtenBytes, 2 * CHUNK_BYTES + 777);
    assert.equal(Buffer.compare(await readFile(targetPath), disk.read(0, SIZE)), 0);
    assert.ok((await stat(targetPath)).blocks * 512 < 1_000_000, 'holes stay holes');
    assert.equal(seen.at(-1), 1);
    const again = restoreDisk(access(), { pointId: 'point-1', lun: -1, targetPath });
    await assert.rejects(again, (error) => isCoded(error, 'Conflict'));
    assert.equal((await stat(targetPath)).size, SIZE, 'what was there stays');
  });

  it('says which point or disk it does not have', async () => {
    const targetPath = join(folder, 'nothing.raw');
    for (const what of [
      { pointId: 'point-9', lun: -1 },
      { pointId: 'point-1', lun: 4 },
    ]) {
      await assert.rejects(restoreDisk(access(), { ...what, targetPath }), (error) =>
        isCoded(error, 'ResourceNotFound'),
      );
    }
    await assert.rejects(verifyPoint(access(), 'point-9'), (error) => isCoded(error, 'ResourceNotFound'));
  });

  it('verifies, and opens what two points share once', async () => {
    const one = await verifyPoint(access(), 'point-1');
    assert.deepEqual({ points: one.points, damages: one.damages }, { points: 1, damages: [] });
    assert.equal(one.checkedBytes, 2 * CHUNK_BYTES + 777);
    const all = await verifyAll(access());
    assert.deepEqual(all.damages, []);
    assert.deepEqual([all.points, all.checkedBytes, all.objects], [2, one.checkedBytes, 7]);
  });

  it('leaves no half disk behind when the store is damaged', async () => {
    const { backend } = access();
    const names = [];
    for await (const { name, sizeBytes } of backend.list('p/')) names.push({ name, sizeBytes });
    const data = names.sort((a, b) => b.sizeBytes - a.sizeBytes)[0]!.name;
    const bytes = await backend.get(data);
    await backend.delete(data);
    const targetPath = join(folder, 'damaged.raw');
    const restoring = restoreDisk(access(), { pointId: 'point-1', lun: -1, targetPath });
    await assert.rejects(
      restoring,
      (error) => isCoded(error, 'StoreObjectMissing') && error.target?.startsWith('p/') === true,
    );
    assert.equal((await readdir(folder)).includes('damaged.raw'), false);
    await backend.put(data, bytes);
  });

  it('stops when it is told to', async () => {
    const signal = AbortSignal.abort(new Error('stopped'));
    await assert.rejects(verifyAll({ ...access(), signal }), /stopped/);
    const what = { pointId: 'point-1', lun: -1, targetPath: join(folder, 'stopped.raw') };
    await assert.rejects(restoreDisk({ ...access(), signal }, what), /stopped/);
    assert.equal((await readdir(folder)).includes('stopped.raw'), false);
  });
});
