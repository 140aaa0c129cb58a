import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Machine } from '../machine.ts';
import { Collection, type StoredSnapshot } from './collection.ts';
import { settle } from './settle.ts';

const hasTools = (): boolean => {
  try {
    execFileSync('qemu-img', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};
const skip = hasTools() ? false : 'QEMU is not installed';

const run = (tool: string, ...args: string[]): void => {
  execFileSync(tool, args, { stdio: ['ignore', 'ignore', 'pipe'] });
};

const IDS = ['a', 'b', 'c', 'd'];

const entryOf = (id: string, at: number): StoredSnapshot => ({
  snapshot: {
    id,
    takenAt: at,
    consistency: 'crash',
    frozenMs: 0,
    disks: [{ lun: 0, name: 'data', sizeBytes: 1 << 20, diskId: 'd', taken: { kind: 'incremental' } }],
    machine: {} as Machine,
  },
  disks: [{ lun: 0, file: `${id}.qcow2`, format: 'qcow2', flat: false, ...(at > 0 ? { parentId: IDS[at - 1]! } : {}) }],
});

/** Four snapshots in a chain, each with a block of its own and one block that all overwrite. */
const openChain = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sr-settle-'));
  const collection = await Collection.open(folder);
  for (const [at, id] of IDS.entries()) {
    const backing = at > 0 ? ['-b', `${IDS[at - 1]}.qcow2`, '-F', 'qcow2'] : [];
    run('qemu-img', 'create', '-q', '-f', 'qcow2', ...backing, collection.path(`${id}.qcow2`), '1M');
    const own = `write -P ${at + 1} ${65536 * (at + 1)} 65536`;
    run('qemu-io', '-f', 'qcow2', '-c', own, '-c', `write -P ${at + 10} 0 65536`, collection.path(`${id}.qcow2`));
  }
  await collection.update(() => IDS.map(entryOf));
  const bytesOf = (id: string): Buffer => {
    const out = join(folder, 'out.raw');
    const file = collection.disk(id, 0)!.file;
    run('qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', collection.path(file), out);
    return readFileSync(out);
  };
  const letGo = (...ids: string[]) =>
    collection.update((all) =>
      all.map((entry) => (ids.includes(entry.snapshot.id) ? { ...entry, deleted: true } : entry)),
    );
  const files = () => readdirSync(join(folder, 'points')).sort();
  return {
    collection,
    folder,
    bytesOf,
    letGo,
    files,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
};

for (const gone of [['a'], ['b'], ['c'], ['a', 'b'], ['b', 'c'], ['a', 'c'], ['a', 'b', 'c']]) {
  test(`letting go of ${gone} leaves the others as they were`, { skip }, async () => {
    using chain = await openChain();
    const kept = IDS.filter((id) => !gone.includes(id));
    const before = kept.map(chain.bytesOf);
    await chain.letGo(...gone);
    await settle(chain.collection);
    const reopened = await Collection.open(chain.folder);
    assert.deepEqual(
      reopened.all.map((entry) => entry.snapshot.id),
      kept,
    );
    assert.equal(chain.files().length, kept.length);
    for (const [at, id] of kept.entries()) assert.ok(before[at]!.equals(chain.bytesOf(id)), id);
  });
}

test('the newest stays under what comes next while others live, and goes with the last', { skip }, async () => {
  using chain = await openChain();
  await chain.letGo('d');
  await settle(chain.collection);
  assert.equal(chain.files().length, 4);
  await chain.letGo('a', 'b', 'c');
  await settle(chain.collection);
  assert.deepEqual([chain.collection.all, chain.files()], [[], []]);
});

test('nothing is merged while a reader is open', { skip }, async () => {
  using chain = await openChain();
  const endRead = chain.collection.read();
  await chain.letGo('b');
  assert.deepEqual(await settle(chain.collection), []);
  assert.equal(chain.files().length, 4);
  endRead();
  await settle(chain.collection);
  assert.equal(chain.files().length, 3);
});

const COMMIT = ['commit', '-q', '-f', 'qcow2', '-d'];
const REBASE = ['rebase', '-q', '-u', '-f', 'qcow2', '-b', 'b.qcow2', '-F', 'qcow2'];

for (const steps of [1, 2, 3]) {
  test(`a merge cut off after step ${steps} is finished by the next`, { skip }, async () => {
    using chain = await openChain();
    const before = ['a', 'c', 'd'].map(chain.bytesOf);
    await chain.letGo('b');
    run('qemu-img', ...COMMIT, chain.collection.path('c.qcow2'));
    if (steps > 1) run('qemu-img', ...REBASE, chain.collection.path('d.qcow2'));
    const upper = readFileSync(chain.collection.path('c.qcow2'));
    if (steps > 2) {
      await settle(chain.collection);
      writeFileSync(chain.collection.path('c.qcow2'), upper);
    }
    for (const [at, id] of ['a', 'c', 'd'].entries())
      assert.ok(before[at]!.equals(chain.bytesOf(id)), `${id}, half merged`);
    await settle(await Collection.open(chain.folder));
    const after = await Collection.open(chain.folder);
    assert.deepEqual(
      after.all.map((entry) => [entry.snapshot.id, entry.disks[0]!.file, entry.disks[0]!.parentId]),
      [
        ['a', 'a.qcow2', undefined],
        ['c', 'b.qcow2', 'a'],
        ['d', 'd.qcow2', 'c'],
      ],
    );
    assert.deepEqual(chain.files(), ['a.qcow2', 'b.qcow2', 'd.qcow2']);
    const read = (file: string) => {
      run('qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', after.path(file), join(chain.folder, 'after.raw'));
      return readFileSync(join(chain.folder, 'after.raw'));
    };
    for (const [at, file] of ['a.qcow2', 'b.qcow2', 'd.qcow2'].entries())
      assert.ok(before[at]!.equals(read(file)), file);
  });
}
