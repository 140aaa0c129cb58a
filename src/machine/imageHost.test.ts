import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../lib/clock.ts';
import { isCoded } from '../lib/error.ts';
import { type Logger, silentLogger } from '../lib/log.ts';
import { NbdClient } from '../nbd/client.ts';
import { openImageHost } from './imageHost.ts';
import { machineContract } from './machine.contract.ts';
import type { MachineHost } from './machine.ts';

const REF = { resourceGroup: 'shop', name: 'web-1' };
const SIZE = 3 << 20;

const hasTools = (): boolean => {
  try {
    execFileSync('qemu-img', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};
const withoutTools = hasTools() ? false : 'QEMU is not installed';

const content = (): Buffer => {
  const bytes = Buffer.alloc(SIZE);
  bytes.write('beginning');
  bytes.fill(7, 1 << 20, (1 << 20) + 5000);
  bytes.write('end', SIZE - 3);
  return bytes;
};

const openBench = async (diskFile = 'data.raw', format?: string) => {
  const root = await mkdtemp(join(tmpdir(), 'sr-image-'));
  const folder = join(root, 'machines');
  await mkdir(folder);
  await writeFile(join(folder, 'os.raw'), Buffer.alloc(1 << 20, 1));
  await writeFile(join(folder, 'data.raw'), content());
  const disks = [
    { lun: -1, name: 'os', path: 'os.raw', format: 'raw' },
    { lun: 0, name: 'data', path: diskFile, ...(format ? { format } : {}) },
  ];
  await writeFile(join(folder, 'web-1.json'), JSON.stringify({ ...REF, location: 'westeurope', disks }));
  const open = () => openImageHost({ name: 'images', folder, stateFolder: join(root, 'state'), clock: systemClock });
  const host: MachineHost = await open();
  return {
    host,
    open,
    ref: REF,
    root,
    folder,
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
};

machineContract('image', openBench);

const readDisk = async (host: MachineHost, id: string): Promise<Buffer> => {
  await using disk = await host.openDisk(REF, id, 0);
  const bytes = Buffer.alloc(disk.sizeBytes);
  if (disk.address.kind === 'file') return (await readFile(disk.address.path)).subarray(0, disk.sizeBytes);
  await using client = await NbdClient.connect(disk.address);
  await client.readInto(0, bytes);
  return bytes;
};

const CONVERSIONS = [
  ['qcow2', 'qcow2', []],
  ['vhd', 'vpc', ['-o', 'subformat=dynamic,force_size=on']],
  ['vhd', 'vpc', ['-o', 'subformat=fixed,force_size=on']],
  ['vhdx', 'vhdx', []],
  ['vmdk', 'vmdk', []],
  ['vmdk', 'vmdk', ['-o', 'subformat=streamOptimized']],
] as const;

for (const [format, driver, options] of CONVERSIONS) {
  test(`a ${format} ${options.join(' ')} is known by its header, copied and read`, { skip: withoutTools }, async () => {
    await using bench = await openBench('data.image');
    execFileSync('qemu-img', [
      'convert',
      '-f',
      'raw',
      '-O',
      driver,
      ...options,
      join(bench.folder, 'data.raw'),
      join(bench.folder, 'data.image'),
    ]);
    const machine = await bench.host.find(REF);
    assert.deepEqual(machine.disks[1], { lun: 0, name: 'data', sizeBytes: SIZE, format });
    await bench.host.snapshot(REF, { id: 's1' });
    await rm(join(bench.folder, 'data.image'));
    assert.ok(content().equals(await readDisk(await bench.open(), 's1')));
  });
}

test('a raw disk that begins with the header of another format stays raw when it is described so', async () => {
  await using bench = await openBench('data.raw', 'raw');
  const bytes = content();
  bytes.write('QFI\xfb', 'latin1');
  await writeFile(join(bench.folder, 'data.raw'), bytes);
  await bench.host.snapshot(REF, { id: 's1' });
  assert.ok(bytes.equals(await readDisk(bench.host, 's1')));
});

test('only allocated ranges of a raw file are named', { skip: withoutTools }, async () => {
  await using bench = await openBench();
  await bench.host.snapshot(REF, { id: 's1' });
  await using disk = await bench.host.openDisk(REF, 's1', 0);
  let named = 0;
  for await (const { length } of (await disk.changedSince(undefined)).extents) named += length;
  assert.ok(named < SIZE / 2, `${named} bytes`);
});

test('one bad description does not hide the others', async () => {
  await using bench = await openBench();
  await writeFile(join(bench.folder, 'bad.yaml'), 'name: [');
  await writeFile(join(bench.folder, 'copy.yaml'), await readFile(join(bench.folder, 'web-1.json'), 'utf8'));
  const { machines, problems } = await bench.host.list();
  assert.deepEqual(
    machines.map((machine) => machine.name),
    ['web-1'],
  );
  assert.equal(problems.length, 2);
  assert.match(problems[0]!, /^bad\.yaml: not YAML/);
  assert.match(problems[1]!, /^web-1\.json: name web-1 stands in copy\.yaml too/);
});

test('a problem is logged when it is new or has changed, not at every look', async () => {
  await using bench = await openBench();
  const logged: string[] = [];
  const log = Object.create(silentLogger, {
    warn: { value: ({ problem }: { problem: string }) => logged.push(problem) },
  }) as Logger;
  const options = { name: 'images', folder: bench.folder, stateFolder: join(bench.root, 'state'), clock: systemClock };
  await using host = await openImageHost({ ...options, log });
  const look = async (text?: string) => {
    if (text !== undefined) await writeFile(join(bench.folder, 'bad.yaml'), text);
    const { problems } = await host.list();
    return [problems.length, logged.length];
  };
  assert.deepEqual(await look(), [0, 0]);
  assert.deepEqual(await look('name: ['), [1, 1]);
  assert.deepEqual(await look(), [1, 1]);
  assert.deepEqual(await look('name: 7'), [1, 2]);
  await rm(join(bench.folder, 'bad.yaml'));
  assert.deepEqual(await look(), [0, 2]);
  assert.deepEqual(await look('name: 7'), [1, 3]);
  assert.deepEqual(logged[1], logged[2]);
  assert.match(logged[0]!, /^bad\.yaml: not YAML/);
});

test('a machine that a restore made is there after all folders were moved', async () => {
  await using bench = await openBench();
  const ref = { resourceGroup: 'shop', name: 'web-2' };
  const written: { lun: number; name: string; path: string; format: 'raw' }[] = [];
  for (const lun of [-1, 0]) {
    await using target = await bench.host.createDisk(ref, { lun, name: `d${lun + 1}`, sizeBytes: 4096 });
    await target.commit();
    written.push({ lun, name: `d${lun + 1}`, path: target.path, format: 'raw' });
  }
  const made = await bench.host.create({ ...ref, location: 'westeurope', tags: {}, osType: 'Linux', disks: written });
  await mkdir(join(bench.root, 'elsewhere'));
  for (const name of ['machines', 'state']) await rename(join(bench.root, name), join(bench.root, 'elsewhere', name));
  await using moved = await openImageHost({
    name: 'images',
    folder: join(bench.root, 'elsewhere/machines'),
    stateFolder: join(bench.root, 'elsewhere/state'),
    clock: systemClock,
  });
  assert.deepEqual((await moved.list()).problems, []);
  assert.deepEqual(await moved.find(ref), made);
});

test('what the host writes is for its own user alone', async () => {
  await using bench = await openBench();
  await bench.host.snapshot(REF, { id: 's1' });
  const ref = { resourceGroup: 'shop', name: 'web-2' };
  await using target = await bench.host.createDisk(ref, { lun: -1, name: 'os', sizeBytes: 4096 });
  await target.commit();
  const disks = [{ lun: -1, name: 'os', path: target.path, format: 'raw' as const }];
  await bench.host.create({ ...ref, location: 'westeurope', tags: {}, osType: 'Linux', disks });
  const state = join(bench.root, 'state');
  const written = (await readdir(state, { recursive: true })).map((name) => join(state, name));
  written.push(join(bench.folder, 'shop.web-2.yaml'));
  assert.ok(written.some((path) => path.endsWith('.raw')) && written.some((path) => path.endsWith('catalogue.json')));
  for (const path of written) {
    const found = await stat(path);
    assert.equal((found.mode & 0o777).toString(8), found.isDirectory() ? '700' : '600', path);
  }
});

test('a copy that was cut off is removed, a snapshot that is being read is not', async () => {
  await using bench = await openBench();
  await bench.host.snapshot(REF, { id: 's1' });
  const points = join(bench.root, 'state/machines/shop/web-1/points');
  await appendFile(join(points, 's2.0.raw.part'), 'half');
  assert.deepEqual(await (await bench.open()).reconcile(REF), ['removed the unfinished copy s2.0.raw.part']);
  {
    await using disk = await bench.host.openDisk(REF, 's1', 0);
    await bench.host.deleteSnapshot(REF, 's1');
    assert.deepEqual(await bench.host.snapshots(REF), []);
    assert.ok(disk.address.kind === 'file' && (await readFile(disk.address.path)).equals(content()));
  }
  assert.deepEqual(await bench.host.reconcile(REF), []);
});

test('a machine on this host has no power to switch', async () => {
  await using bench = await openBench();
  await assert.rejects(bench.host.start(REF), (error) => isCoded(error, 'UserErrorVmNotInDesirableState'));
});

test('raw images need no QEMU; others say which tool is missing', async () => {
  await using bench = await openBench();
  const path = process.env.PATH;
  const tools = join(bench.root, 'tools');
  await mkdir(tools);
  await symlink('/bin/cp', join(tools, 'cp'));
  const qcow2 = Buffer.alloc(4 * 65536);
  for (const [value, at] of QCOW2_WORDS) qcow2.writeUInt32BE(value, at);
  try {
    process.env.PATH = tools;
    await bench.host.snapshot(REF, { id: 's1' });
    await using disk = await bench.host.openDisk(REF, 's1', 0);
    const { extents } = await disk.changedSince(undefined);
    assert.deepEqual(await Array.fromAsync(extents), [{ offset: 0, length: SIZE, kind: 'data' }]);
    assert.ok(content().equals(await readDisk(bench.host, 's1')));
    await writeFile(join(bench.folder, 'data.raw'), qcow2);
    assert.equal((await bench.host.find(REF)).disks[1]?.format, 'qcow2');
    await bench.host.snapshot(REF, { id: 's2' });
    await assert.rejects(
      bench.host.openDisk(REF, 's2', 0),
      (error) => isCoded(error, 'ToolMissing') && error.target === 'qemu-nbd',
    );
  } finally {
    process.env.PATH = path;
  }
});

/** The header of an empty qcow2: magic, version, cluster_bits, size, l1 and refcount tables, header_length. */
const QCOW2_WORDS: readonly (readonly [number, number])[] = [
  [0x514649fb, 0],
  [3, 4],
  [16, 20],
  [SIZE, 28],
  [1, 36],
  [3 * 65536, 44],
  [65536, 52],
  [1, 56],
  [4, 96],
  [104, 100],
];
