import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { systemClock } from '../../src/lib/clock.ts';
import { openQemuHost } from '../../src/machine/qemuHost.ts';
import { REF, restoreTo, run, skipWithoutQemu } from './machine/guestFixture.ts';

const openBench = () => {
  const root = mkdtempSync(join(tmpdir(), 'sr-move-'));
  const open = (data: string) =>
    openQemuHost({
      name: 'lab',
      folder: join(root, data, 'machines'),
      stateFolder: join(root, data, 'state'),
      clock: systemClock,
    });
  const image = (data: string, name = 'os.qcow2') => join(root, data, 'machines', name);
  mkdirSync(join(root, 'first/machines'), { recursive: true });
  for (const name of ['os.qcow2', 'other.qcow2'])
    run('qemu-img', 'create', '-q', '-f', 'qcow2', image('first', name), '16M');
  run('qemu-io', '-f', 'qcow2', '-c', 'write -P 1 0 2M', image('first'));
  const describe = (data: string, path: string) => {
    const disks = [{ lun: -1, name: 'os', path, format: 'qcow2' }];
    const described = { ...REF, location: 'westeurope', disks, qemu: { memoryMiB: 64 } };
    writeFileSync(join(root, data, 'machines/db-1.yaml'), stringify(described));
  };
  describe('first', 'os.qcow2');
  return {
    root,
    open,
    image,
    describe,
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
};

const takenOf = async (host: Awaited<ReturnType<typeof openQemuHost>>, id: string) =>
  (await host.snapshot(REF, { id })).disks.map(({ taken }) => taken.kind);

test('after its folders were moved a machine goes on with what changed', { skip: skipWithoutQemu }, async () => {
  using bench = openBench();
  {
    await using host = await bench.open('first');
    assert.deepEqual(await takenOf(host, 's1'), ['whole']);
  }
  renameSync(join(bench.root, 'first'), join(bench.root, 'second'));
  await using host = await bench.open('second');
  assert.deepEqual(await takenOf(host, 's2'), ['incremental']);
  const restored = join(bench.root, 'restored.raw');
  {
    await using disk = await host.openDisk(REF, 's2', -1);
    assert.equal((await disk.changedSince('s1')).kind, 'changed');
    await restoreTo(restored, disk);
  }
  run('qemu-img', 'compare', '-f', 'qcow2', '-F', 'raw', bench.image('second'), restored);
  bench.describe('second', 'other.qcow2');
  assert.deepEqual(await takenOf(host, 's3'), ['whole']);
});

test('what a snapshot leaves is for the own user alone', { skip: skipWithoutQemu }, async () => {
  using bench = openBench();
  await using host = await bench.open('first');
  const state = join(bench.root, 'first/state');
  const seen: string[] = [];
  const look = () => {
    for (const name of readdirSync(state, { recursive: true, encoding: 'utf8' })) {
      const found = statSync(join(state, name), { throwIfNoEntry: false });
      if (!found || !(found.isFile() || found.isDirectory())) continue;
      seen.push(name);
      assert.equal((found.mode & 0o777).toString(8), found.isDirectory() ? '700' : '600', name);
    }
  };
  await host.snapshot(REF, { id: 's1', onProgress: look });
  look();
  for (const file of ['s1.os.qcow2', 'catalogue.json', 'under-way.json', 'console.log', 'launched-for-snapshot'])
    assert.ok(
      seen.some((name) => name.endsWith(file)),
      file,
    );
  assert.ok(seen.some((name) => /scratch-.*\.qcow2$/.test(name)));
});
