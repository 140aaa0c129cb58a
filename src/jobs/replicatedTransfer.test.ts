import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BackendSpec } from '../store/backend.ts';
import type { WorkerKeys } from '../store/keys.ts';
import { restoreDisk } from './restoreDisk.ts';
import { transferDisk } from './transferDisk.ts';

const keys: WorkerKeys = {
  vaultId: 'vault-one',
  generations: [{ generation: 1, dataKey: randomBytes(32), structKey: randomBytes(32) }],
  idKey: randomBytes(32),
  nodeKey: randomBytes(32),
};

test('worker threads write to the zones that take it and tell which one did not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'strongroom-threads-'));
  try {
    const disk = randomBytes(3_000_000);
    const path = join(folder, 'disk');
    await writeFile(path, disk);
    // a file where the zone's folder should be: every put fails
    await writeFile(join(folder, 'zone-b'), '');
    const names = ['zone-a', 'zone-b', 'zone-c'];
    const copies = names.map((name) => ({ kind: 'disk', folder: join(folder, name, 'store') }) as const);
    const backend: BackendSpec = { kind: 'replicated', copies, names, quorum: 2 };
    const extents = (async function* () {
      yield { offset: 0, length: disk.length, kind: 'data' } as const;
    })();
    const { root, gaps } = await transferDisk({
      ...{ backend, keys, chunkSizeBytes: 65_536, sizeBytes: disk.length, workers: 2 },
      source: { kind: 'file', path },
      changes: { kind: 'whole', why: 'first', extents },
    });
    assert.ok(gaps.length > 0);
    assert.deepEqual([...new Set(gaps.map(({ place }) => place))], ['zone-b']);
    await rm(join(folder, 'zone-a'), { recursive: true });
    const targetPath = join(folder, 'restored');
    await writeFile(targetPath, '');
    await truncate(targetPath, disk.length);
    await rm(join(folder, 'zone-b'));
    await restoreDisk({ backend, keys, root, targetPath, workers: 2 });
    assert.equal(Buffer.compare(await readFile(targetPath), disk), 0, 'one copy is enough');
  } finally {
    await rm(folder, { recursive: true });
  }
});
