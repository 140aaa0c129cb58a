import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../lib/clock.ts';
import { isCoded } from '../lib/error.ts';
import { silentLogger } from '../lib/log.ts';
import { FakeHost } from './fakeHost.ts';
import { LocalImages } from './localImages.ts';
import type { KeptMachineSpec, MachineHost, MachineKeeper } from './machine.ts';
import { openQemuHost } from './qemuHost.ts';

const MIB = 2 ** 20;
const REF = { resourceGroup: 'shop', name: 'web-1' };

interface Bench extends AsyncDisposable {
  readonly folder: string;
  readonly host: MachineHost;
  readonly keeper: MachineKeeper;
}

const openFolder = () => mkdtemp(join(tmpdir(), 'sr-keeper-'));

const benchOf = (folder: string, host: MachineHost): Bench => {
  assert.ok(host.keeper);
  return {
    ...{ folder, host, keeper: host.keeper },
    [Symbol.asyncDispose]: async () => {
      await host[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
};

async function fakeBench(): Promise<Bench> {
  const folder = await openFolder();
  return benchOf(folder, new FakeHost({ folder, clock: systemClock }));
}

async function qemuBench(): Promise<Bench> {
  const folder = await openFolder();
  await mkdir(join(folder, 'machines'));
  const places = { folder: join(folder, 'machines'), stateFolder: join(folder, 'state') };
  return benchOf(folder, await openQemuHost({ name: 'lab', ...places, clock: systemClock }));
}

const hasQemuImg = (): boolean => {
  try {
    execFileSync('qemu-img', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};
const skip = hasQemuImg() ? false : 'qemu-img is not installed';

async function makeMachine({ keeper }: Bench, more: Partial<KeptMachineSpec> = {}) {
  const os = await keeper.makeDisk({ resourceGroup: 'shop', name: 'os', sizeBytes: 8 * MIB });
  return keeper.createMachine({
    ...{ ...REF, location: 'westeurope', tags: { a: '1' }, osType: 'Linux', vmId: crypto.randomUUID() },
    ...{
      memoryMiB: 64,
      cpus: 1,
      boot: {},
      cards: [{ mac: '52:54:00:00:00:01', net: '10.0.0.0/24', address: '10.0.0.4' }],
    },
    disks: [{ lun: -1, name: 'os', path: os.path, format: os.format }],
    ...more,
  });
}

for (const [name, open, why] of [
  ['fake', fakeBench, false],
  ['qemu', qemuBench, skip],
] as const) {
  test(`${name}: a machine is made, changed, given a disk and forgotten; its disks stay`, { skip: why }, async () => {
    await using bench = await open();
    const { host, keeper } = bench;
    const made = await makeMachine(bench);
    assert.deepEqual([made.powerState, made.tags, made.disks.length], ['stopped', { a: '1' }, 1]);
    assert.equal(await keeper.manages(REF), true);
    const data = await keeper.makeDisk({ resourceGroup: 'shop', name: 'data', sizeBytes: 4 * MIB });
    await keeper.attachDisk(REF, { ...data, lun: 3, name: 'data' });
    assert.deepEqual(
      (await host.find(REF)).disks.map(({ lun, sizeBytes }) => [lun, sizeBytes]),
      [
        [-1, 8 * MIB],
        [3, 4 * MIB],
      ],
    );
    await assert.rejects(keeper.attachDisk(REF, { ...data, lun: 3, name: 'other' }), (e) => isCoded(e, 'Conflict'));
    await assert.rejects(keeper.detachDisk(REF, -1), (error) => isCoded(error, 'OperationNotAllowed'));
    await keeper.detachDisk(REF, 3);
    assert.equal((await host.find(REF)).disks.length, 1);
    await keeper.change(REF, { tags: { b: '2' }, memoryMiB: 128 });
    assert.deepEqual((await host.find(REF)).tags, { b: '2' });
    const second = { ...REF, name: 'WEB-1' };
    await assert.rejects(makeMachine(bench, second), (error) => isCoded(error, 'Conflict'));
    await keeper.deleteMachine(REF);
    await assert.rejects(host.find(REF), (error) => isCoded(error, 'BCMV2VMNotFound'));
    assert.ok(existsSync(data.path));
    await keeper.removeDisk(data);
    await keeper.removeDisk(data);
    assert.ok(!existsSync(data.path));
    assert.notEqual((await makeMachine(bench)).vmId, made.vmId);
  });
}

test('qemu: of what a dead process had begun, only images that no machine and no disk has go', { skip }, async () => {
  await using bench = await qemuBench();
  const make = (name: string) => bench.keeper.makeDisk({ resourceGroup: 'shop', name, sizeBytes: MIB });
  const [lost, other, kept] = [await make('os'), await make('os-2'), await make('os')];
  const made = await makeMachine(bench);
  assert.equal(made.disks.length, 1);
  const begun = [lost, made.disks[0]!].map(() => ({ resourceGroup: 'Shop', name: 'OS' }));
  await bench.keeper.removeUnfinished(begun, [kept.path]);
  assert.deepEqual(
    [lost, other, kept].map(({ path }) => existsSync(path)),
    [false, true, true],
  );
  assert.equal((await bench.host.find(REF)).disks[0]?.sizeBytes, made.disks[0]?.sizeBytes);
});

test('qemu: a disk is made of an image, never smaller than it', { skip }, async () => {
  await using bench = await qemuBench();
  const path = join(bench.folder, 'image.raw');
  await writeFile(path, 'content of the image');
  await truncate(path, 4 * MIB);
  const from = { path, format: 'raw' } as const;
  const disk = await bench.keeper.makeDisk({ resourceGroup: 'shop', name: 'os', sizeBytes: 16 * MIB, from });
  const text = execFileSync('qemu-img', [
    'dd',
    '-f',
    'qcow2',
    '-O',
    'raw',
    'bs=20',
    'count=1',
    `if=${disk.path}`,
    `of=${path}.out`,
  ]);
  assert.equal(text.length, 0);
  assert.equal((await readFile(`${path}.out`, 'utf8')).slice(0, 20), 'content of the image');
  const small = bench.keeper.makeDisk({ resourceGroup: 'shop', name: 'os', sizeBytes: MIB, from });
  await assert.rejects(small, (error) => isCoded(error, 'InvalidParameter') && /at least/.test(error.message));
});

test('qemu: what a person wrote into a description stays when it is changed', { skip }, async () => {
  await using bench = await qemuBench();
  const file = join(bench.folder, 'machines/web.yaml');
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', join(bench.folder, 'machines/os.qcow2'), '4M']);
  await writeFile(
    file,
    '# the shop\nname: web-1\nresourceGroup: shop\nlocation: westeurope\ndisks:\n  - { lun: -1, name: os, path: os.qcow2 }\n',
  );
  const disk = await bench.keeper.makeDisk({ resourceGroup: 'shop', name: 'data', sizeBytes: MIB });
  await bench.keeper.attachDisk(REF, { ...disk, lun: 0, name: 'data' });
  const text = await readFile(file, 'utf8');
  assert.match(text, /^# the shop\n/);
  assert.match(text, /path: os\.qcow2/);
  assert.equal((await bench.host.find(REF)).disks.length, 2);
});

test('qemu: a machine that others run is neither changed nor forgotten', { skip }, async () => {
  await using bench = await qemuBench();
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', join(bench.folder, 'machines/os.qcow2'), '4M']);
  const disks = [{ lun: -1, name: 'os', path: 'os.qcow2' }];
  const described = { ...REF, location: 'westeurope', disks, qemu: { qmpSocket: 'web.qmp' } };
  await writeFile(join(bench.folder, 'machines/web.json'), JSON.stringify(described));
  assert.equal(await bench.keeper.manages(REF), false);
  for (const act of [
    bench.keeper.deleteMachine(REF),
    bench.keeper.detachDisk(REF, 0),
    bench.keeper.change(REF, { tags: {} }),
  ])
    await assert.rejects(act, (error) => isCoded(error, 'OperationNotAllowed'));
});

test('images are files of a folder, with what stands beside them', async () => {
  const folder = await openFolder();
  await using _gone = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
  assert.deepEqual(await new LocalImages(join(folder, 'none'), silentLogger).list(), []);
  for (const name of ['plain.raw', 'told.raw', 'wrong.raw']) {
    await writeFile(join(folder, name), '');
    await truncate(join(folder, name), MIB);
  }
  await writeFile(join(folder, 'bad.qcow2'), 'no image');
  await writeFile(
    join(folder, 'told.yaml'),
    'publisher: debian\nsku: "12"\nversion: 1.2.3\nboot: { kernel: vmlinuz, append: quiet }\n',
  );
  await writeFile(join(folder, 'wrong.json'), '{"version":"new"}');
  const [plain, told, ...others] = await new LocalImages(folder, silentLogger).list();
  assert.deepEqual(others, []);
  assert.deepEqual(
    [plain?.name, plain?.publisher, plain?.offer, plain?.sku, plain?.version],
    ['plain', 'local', 'plain', 'default', '1.0.0'],
  );
  assert.deepEqual(
    [told?.publisher, told?.offer, told?.sku, told?.version, told?.sizeBytes],
    ['debian', 'told', '12', '1.2.3', MIB],
  );
  assert.deepEqual(told?.boot, { kernel: join(folder, 'vmlinuz'), append: 'quiet' });
});
