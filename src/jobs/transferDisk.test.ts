import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as fc from 'fast-check';
import { isCoded } from '../lib/error.ts';
import type { Extent } from '../lib/extent.ts';
import type { ChangedExtents, ReadAddress } from '../machine/machine.ts';
import { NbdServer } from '../nbd/server.ts';
import type { Backend, BackendSpec } from '../store/backend.ts';
import type { WorkerKeys } from '../store/keys.ts';
import { createMemoryBackend } from '../store/memoryBackend.ts';
import type { DiskRoot } from '../store/tree.ts';
import { restoreDisk } from './restoreDisk.ts';
import { openTransferPool } from './transfer/pool.ts';
import { type TransferOptions, transferDisk } from './transferDisk.ts';

const MiB = 1 << 20;
/** The smallest chunk: a leaf spans 32 MiB. */
const chunkSizeBytes = 65_536;
const LEAF = 32 * MiB;
const keys: WorkerKeys = {
  vaultId: 'vault-one',
  generations: [{ generation: 1, dataKey: randomBytes(32), structKey: randomBytes(32) }],
  idKey: randomBytes(32),
  nodeKey: randomBytes(32),
};

let folder: string;
let spec: BackendSpec;
let names = 0;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'transfer-'));
  spec = { kind: 'disk', folder: join(folder, 'store') };
});
after(() => rm(folder, { recursive: true, force: true }));

const newPath = () => join(folder, `disk${names++}`);
const file = (path: string): ReadAddress => ({ kind: 'file', path });

interface Patch {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

async function diskOf(sizeBytes: number, patches: readonly Patch[]): Promise<string> {
  const path = newPath();
  await using handle = await open(path, 'wx');
  await handle.truncate(sizeBytes);
  await write(handle, patches);
  return path;
}

async function write(handle: FileHandle, patches: readonly Patch[]): Promise<void> {
  for (const { offset, bytes } of patches) await handle.write(bytes, 0, bytes.length, offset);
}

async function patched(path: string, patches: readonly Patch[]): Promise<void> {
  await using handle = await open(path, 'r+');
  await write(handle, patches);
}

async function* given(...extents: Extent[]): AsyncIterable<Extent> {
  yield* extents;
}
const data = (offset: number, length: number): Extent => ({ offset, length, kind: 'data' });
const zero = (offset: number, length: number): Extent => ({ offset, length, kind: 'zero' });
const whole = (...extents: Extent[]): ChangedExtents => ({ kind: 'whole', why: 'first', extents: given(...extents) });
const changed = (...extents: Extent[]): ChangedExtents => ({ kind: 'changed', extents: given(...extents) });

async function restored(backend: BackendSpec | Backend, root: DiskRoot, workers: number): Promise<string> {
  const targetPath = await diskOf(root.sizeBytes, []);
  await restoreDisk({ backend, keys, root, targetPath, workers });
  return targetPath;
}

async function assertSameFile(actual: string, expected: string): Promise<void> {
  await using a = await open(actual);
  await using b = await open(expected);
  const { size } = await a.stat();
  assert.equal(size, (await b.stat()).size);
  const [one, other] = [Buffer.alloc(MiB), Buffer.alloc(MiB)];
  for (let at = 0; at < size; at += MiB) {
    const { bytesRead } = await a.read(one, 0, MiB, at);
    await b.read(other, 0, MiB, at);
    assert.ok(one.subarray(0, bytesRead).equals(other.subarray(0, bytesRead)), `differs within 1 MiB at ${at}`);
  }
}

const base = (path: string, sizeBytes: number, more: Partial<TransferOptions> = {}): TransferOptions => ({
  backend: spec,
  keys,
  chunkSizeBytes,
  source: file(path),
  sizeBytes,
  changes: whole(data(0, sizeBytes)),
  ...more,
});

describe('a disk goes to the store and comes back', () => {
  const sizeBytes = 3 * LEAF + 5 * MiB + 777;
  const patches = [
    { offset: 0, bytes: randomBytes(3 * MiB) },
    { offset: LEAF - 5000, bytes: randomBytes(10_000) },
    { offset: sizeBytes - 777, bytes: randomBytes(777) },
  ];

  for (const workers of [0, 1, 2]) {
    test(`with ${workers} workers: full, then only what changed`, async () => {
      const backend = workers === 0 ? createMemoryBackend() : spec;
      const path = await diskOf(sizeBytes, patches);
      const seen: number[] = [];
      const first = await transferDisk(
        base(path, sizeBytes, { backend, workers, onProgress: ({ bytesDone }) => seen.push(bytesDone) }),
      );
      assert.equal(first.stats.readBytes, sizeBytes);
      assert.deepEqual(
        seen,
        seen.toSorted((a, b) => a - b),
      );
      assert.equal(seen.at(-1), sizeBytes);
      await assertSameFile(await restored(backend, first.root, workers), path);

      await patched(path, [
        { offset: LEAF + 70_000, bytes: randomBytes(100) },
        { offset: 0, bytes: new Uint8Array(2 * chunkSizeBytes) },
      ]);
      const second = await transferDisk(
        base(path, sizeBytes, {
          backend,
          workers,
          parent: first.root,
          changes: changed(zero(0, 2 * chunkSizeBytes), data(LEAF + 70_000, 100)),
        }),
      );
      assert.equal(second.stats.readBytes, chunkSizeBytes);
      await assertSameFile(await restored(backend, second.root, workers), path);
    });
  }

  test('a whole transfer of what the parent has writes nothing', async () => {
    const path = await diskOf(sizeBytes, patches);
    const first = await transferDisk(base(path, sizeBytes));
    const packs: string[] = [];
    const again = await transferDisk(
      base(path, sizeBytes, {
        parent: first.root,
        changes: whole(data(0, sizeBytes)),
        onPack: (pack) => packs.push(pack.name),
      }),
    );
    assert.deepEqual(again.root, first.root);
    assert.deepEqual(packs, []);
    assert.equal(again.stats.storedBytes, 0);
  });

  test('whole: what no extent names is zero, whatever the parent had', async () => {
    const path = await diskOf(sizeBytes, patches);
    const first = await transferDisk(base(path, sizeBytes));
    const bare = await diskOf(sizeBytes, []);
    const emptied = await transferDisk(base(bare, sizeBytes, { parent: first.root, changes: whole() }));
    assert.equal(emptied.root.node, null);
    const { root } = await transferDisk(base(path, sizeBytes, { parent: first.root, changes: whole(data(0, LEAF)) }));
    const expected = await diskOf(sizeBytes, [
      patches[0]!,
      { offset: LEAF - 5000, bytes: patches[1]!.bytes.subarray(0, 5000) },
    ]);
    await assertSameFile(await restored(spec, root, 2), expected);
  });

  test('a disk that grew is told whole and shares what it can', async () => {
    const path = await diskOf(sizeBytes, patches);
    const first = await transferDisk(base(path, sizeBytes));
    const bigger = sizeBytes + 2 * LEAF;
    const grown = await diskOf(bigger, [...patches, { offset: bigger - 10, bytes: randomBytes(10) }]);
    const { root, stats } = await transferDisk(
      base(grown, bigger, { parent: first.root, changes: whole(data(0, bigger)) }),
    );
    assert.ok(stats.newBytes <= 2 * chunkSizeBytes, `${stats.newBytes} new`);
    await assertSameFile(await restored(spec, root, 2), grown);
  });

  test('a second machine finds its chunks through the dedupe index', async () => {
    const dedupePath = newPath();
    const shared = { offset: 0, bytes: randomBytes(2 * MiB) };
    const one = await diskOf(LEAF, [shared]);
    const first = await transferDisk(base(one, LEAF, { dedupePath }));
    const other = await diskOf(LEAF, [shared, { offset: 4 * MiB, bytes: randomBytes(100) }]);
    const second = await transferDisk(base(other, LEAF, { dedupePath }));
    assert.equal(first.stats.newBytes, 2 * MiB);
    assert.equal(second.stats.dedupedBytes, 2 * MiB);
    assert.equal(second.dedupedPacks.size, 1);
    await assertSameFile(await restored(spec, second.root, 2), other);
  });
});

test('a file and an NBD export of one disk give one root', async () => {
  const sizeBytes = 2 * LEAF + 4096;
  const bytes = new Uint8Array(sizeBytes);
  bytes.set(randomBytes(5 * MiB), 3 * MiB);
  bytes.set(randomBytes(9000), LEAF - 4500);
  bytes.set(randomBytes(100), sizeBytes - 100);
  const path = newPath();
  await writeFile(path, bytes);
  let reads = 0;
  await using server = await NbdServer.listen({
    socketPath: newPath(),
    exports: new Map([
      [
        'frozen',
        {
          sizeBytes,
          read: async (offset, length) => {
            reads++;
            return bytes.subarray(offset, offset + length);
          },
          extents: async (offset, length) => [data(offset, length)],
        },
      ],
    ]),
  });
  const changes = () => whole(data(3 * MiB, 5 * MiB), data(LEAF - 4500, 9000), data(sizeBytes - 100, 100));
  const backend = createMemoryBackend();
  const fromFile = await transferDisk(base(path, sizeBytes, { backend, workers: 0, changes: changes() }));
  const source = { kind: 'nbd', socketPath: server.socketPath, exportName: 'frozen' } as const;
  // One and the same content: against the file's root nothing is new, so not even a tree node is written.
  const fromNbd = await transferDisk(
    base(path, sizeBytes, { backend, workers: 0, source, changes: changes(), parent: fromFile.root }),
  );
  assert.deepEqual(fromNbd.root, fromFile.root);
  assert.equal(fromNbd.stats.readBytes, fromFile.stats.readBytes);
  // Each run was asked for once, ahead of time and in the sizes the writer takes.
  assert.equal(reads, 5 + 1 + 1 + 1);
});

test('random disks and random changes restore to what they were', async () => {
  const sizeBytes = LEAF + 3 * MiB + 512;
  const patch = fc.record({
    offset: fc.nat(sizeBytes - 1),
    length: fc.integer({ min: 1, max: 300_000 }),
    zero: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(patch, { maxLength: 6 }), fc.array(patch, { maxLength: 6 }), async (before, later) => {
      const backend = createMemoryBackend();
      const bytesOf = (patches: typeof before): Patch[] =>
        patches.map(({ offset, length, zero }) => {
          const size = Math.min(length, sizeBytes - offset);
          return { offset, bytes: zero ? new Uint8Array(size) : randomBytes(size) };
        });
      const path = await diskOf(sizeBytes, bytesOf(before));
      const first = await transferDisk(base(path, sizeBytes, { backend, workers: 0 }));
      await patched(path, bytesOf(later));
      const second = await transferDisk(
        base(path, sizeBytes, {
          backend,
          workers: 0,
          parent: first.root,
          changes: changed(...united(later, sizeBytes)),
        }),
      );
      await assertSameFile(await restored(backend, second.root, 0), path);
      const again = await transferDisk(base(path, sizeBytes, { backend, workers: 0, parent: second.root }));
      assert.deepEqual(again.root, second.root);
    }),
    { numRuns: 8 },
  );
});

/** The patches as ascending extents without overlap; what was overwritten later counts as data. */
function united(patches: readonly { offset: number; length: number; zero: boolean }[], sizeBytes: number): Extent[] {
  const extents: { offset: number; length: number; kind: Extent['kind'] }[] = [];
  for (const { offset, length, zero } of patches.toSorted((a, b) => a.offset - b.offset)) {
    const end = Math.min(offset + length, sizeBytes);
    const last = extents.at(-1);
    if (last && offset < last.offset + last.length) {
      last.length = Math.max(last.length, end - last.offset);
      last.kind = 'data';
    } else extents.push({ offset, length: end - offset, kind: zero ? 'zero' : 'data' });
  }
  return extents;
}

test('few leaves are under way at once, however big the disk', async () => {
  const sizeBytes = 4 * 2 ** 40;
  const path = await diskOf(sizeBytes, []);
  const leaves = 200;
  let asked = 0;
  async function* scattered(): AsyncIterable<Extent> {
    for (let index = 0; index < leaves; index++) {
      asked++;
      yield data(index * 20 * 2 ** 30 + 12_345, 10);
    }
  }
  let finished = 0;
  let most = 0;
  await transferDisk(
    base(path, sizeBytes, {
      changes: { kind: 'whole', why: 'first', extents: scattered() },
      onProgress: () => {
        finished++;
        most = Math.max(most, asked - finished);
      },
    }),
  );
  assert.equal(asked, leaves);
  // two workers, one leaf that waits, one being gathered
  assert.ok(most <= 4, `${most} leaves were under way`);
});

test('extents that do not ascend, overlap or leave the disk fail the transfer', async () => {
  const path = await diskOf(LEAF, []);
  for (const extents of [
    [data(8192, 10), data(0, 10)],
    [data(0, 10), data(9, 10)],
    [data(LEAF - 1, 2)],
    [data(0, 0)],
    [data(-1, 5)],
    [data(Number.NaN, 5)],
  ]) {
    await assert.rejects(
      transferDisk(base(path, LEAF, { backend: createMemoryBackend(), workers: 0, changes: whole(...extents) })),
      (error) => isCoded(error, 'SourceExtentsInvalid'),
    );
  }
});

describe('a transfer that fails', () => {
  test('of a source that is missing or too small tells so', async () => {
    const path = await diskOf(1000, []);
    for (const workers of [0, 2]) {
      for (const source of [file(path), file(newPath())]) {
        await assert.rejects(transferDisk(base(path, 2000, { workers, source })), (error) =>
          isCoded(error, 'SourceReadFailed'),
        );
      }
    }
  });

  test('of a source that breaks off in a worker carries the original error', async () => {
    const bytes = new Uint8Array(2 * LEAF);
    await using server = await NbdServer.listen({
      socketPath: newPath(),
      exports: new Map([
        [
          'd',
          {
            sizeBytes: bytes.length,
            read: async (offset, length) => {
              if (offset >= LEAF) throw new Error('a bad sector');
              return bytes.subarray(offset, offset + length);
            },
            extents: async () => [],
          },
        ],
      ]),
    });
    await assert.rejects(
      transferDisk(base('', bytes.length, { source: { kind: 'nbd', socketPath: server.socketPath, exportName: 'd' } })),
      (error) => isCoded(error, 'NbdReadFailed') && error.message.includes(`at ${LEAF}`),
    );
  });

  test('by an abort rejects with its reason and leaves no thread', async () => {
    const path = await diskOf(20 * LEAF, [{ offset: 0, bytes: randomBytes(MiB) }]);
    const stop = new AbortController();
    const onProgress = () => {
      assert.ok(threadCount() > 0);
      stop.abort(new Error('the user said stop'));
    };
    await assert.rejects(
      transferDisk(base(path, 20 * LEAF, { signal: stop.signal, onProgress })),
      /the user said stop/,
    );
    assert.equal(threadCount(), 0);
    await assert.rejects(transferDisk(base(path, 20 * LEAF, { signal: stop.signal })), /the user said stop/);
  });

  test('by an abort does not wait for extents that never come', async () => {
    const path = await diskOf(LEAF, []);
    const stop = new AbortController();
    const stuck: ChangedExtents = {
      kind: 'whole',
      why: 'first',
      extents: {
        [Symbol.asyncIterator]: () => ({
          next: () => {
            stop.abort(new Error('enough'));
            return new Promise(() => {});
          },
        }),
      },
    };
    await assert.rejects(transferDisk(base(path, LEAF, { workers: 0, signal: stop.signal, changes: stuck })), /enough/);
  });
});

test('one pool serves the disks of a machine one after another', async () => {
  await using pool = openTransferPool({ backend: spec, workers: 2 });
  for (let lun = 0; lun < 3; lun++) {
    const path = await diskOf(2 * LEAF, [{ offset: lun * MiB, bytes: randomBytes(MiB) }]);
    const { root, stats } = await transferDisk(base(path, 2 * LEAF, { pool }));
    assert.equal(stats.newBytes, MiB);
    await assertSameFile(await restored(spec, root, 1), path);
  }
});

describe('a restore', () => {
  const stored = async () => {
    const backend: BackendSpec = { kind: 'disk', folder: newPath() };
    const path = await diskOf(2 * LEAF, [{ offset: LEAF - MiB, bytes: randomBytes(2 * MiB) }]);
    const packs: string[] = [];
    const { root } = await transferDisk(
      base(path, 2 * LEAF, { backend, onPack: ({ name, kind }) => kind === 'data' && packs.push(name) }),
    );
    return { backend, root, packs, path };
  };

  test('leaves zeros alone', async () => {
    const { backend, root } = await stored();
    const { blocks } = await stat(await restored(backend, root, 2));
    assert.ok(blocks * 512 <= 3 * MiB, `${blocks * 512} bytes are allocated`);
  });

  for (const workers of [0, 2]) {
    test(`of damaged data names the range and never hands out zeros (${workers} workers)`, async () => {
      const { backend, root, packs } = await stored();
      const object = join(backend.folder, packs[0]!);
      await using handle = await open(object, 'r+');
      await handle.write(new Uint8Array([1, 2, 3, 4]), 0, 4, 5000);
      const targetPath = await diskOf(root.sizeBytes, []);
      await assert.rejects(restoreDisk({ backend, keys, root, targetPath, workers }), (error) =>
        isCoded(error, 'StoreDataDamaged'),
      );
      await rm(object);
      await assert.rejects(restoreDisk({ backend, keys, root, targetPath, workers }), (error) =>
        isCoded(error, 'StoreObjectMissing'),
      );
    });
  }

  test('into a target that is missing or too small is refused', async () => {
    const { backend, root } = await stored();
    for (const targetPath of [newPath(), await diskOf(1000, [])]) {
      await assert.rejects(restoreDisk({ backend, keys, root, targetPath }), (error) =>
        isCoded(error, 'TargetWriteFailed'),
      );
    }
  });

  test('ends at an abort and leaves no thread', async () => {
    const { backend, root } = await stored();
    const targetPath = await diskOf(root.sizeBytes, []);
    const stop = new AbortController();
    const restoring = restoreDisk({ backend, keys, root, targetPath, signal: stop.signal });
    stop.abort(new Error('enough'));
    await assert.rejects(restoring, /enough/);
    assert.equal(threadCount(), 0);
  });
});

/** Live worker threads of this process. */
const threadCount = (): number => (process.report.getReport() as unknown as { workers: unknown[] }).workers.length;
