import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { readMachines } from './folder.ts';
import { portablePath } from './place.ts';

const openBench = async () => {
  const root = await mkdtemp(join(tmpdir(), 'sr-place-'));
  const path = (name: string) => join(root, name);
  for (const folder of ['data/machines', 'data/state', 'pool', 'private'])
    await mkdir(path(folder), { recursive: true });
  for (const file of ['pool/os.raw', 'private/os.raw', 'data/state/os.raw']) await writeFile(path(file), 'bytes');
  const place = { folder: path('data/machines'), stateFolder: path('data/state'), diskRoots: [path('pool')] };
  return {
    path,
    place,
    async problemOf(diskPath: string, diskRoots = place.diskRoots): Promise<string | undefined> {
      const disks = [{ lun: -1, name: 'os', path: diskPath }];
      const text = stringify({ name: 'web-1', resourceGroup: 'shop', location: 'westeurope', disks });
      await writeFile(join(place.folder, 'web-1.yaml'), text);
      return (await readMachines({ ...place, diskRoots })).problems[0]?.message;
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
};

test('a disk may be reached through a link into a legal folder', async () => {
  await using bench = await openBench();
  await symlink(bench.path('pool'), bench.path('data/machines/vms'));
  assert.equal(await bench.problemOf('vms/os.raw'), undefined);
  assert.equal(await bench.problemOf('vms/not-there-yet.raw'), undefined);
  assert.equal(await bench.problemOf('../state/os.raw'), undefined);
});

test('a legal folder may itself be reached through a link, and be named by either path', async () => {
  await using bench = await openBench();
  await symlink(bench.path('pool'), bench.path('storage'));
  for (const name of ['storage', 'pool'])
    assert.equal(await bench.problemOf(bench.path(`${name}/os.raw`), [bench.path('storage')]), undefined);
});

test('a link that leads out of the legal folders is refused, with these and the setting', async () => {
  await using bench = await openBench();
  await symlink(bench.path('private'), bench.path('data/machines/vms'));
  await symlink(bench.path('private/os.raw'), bench.path('data/machines/os.raw'));
  for (const diskPath of ['vms/os.raw', 'os.raw', 'vms/not-there-yet.raw']) {
    const problem = (await bench.problemOf(diskPath)) ?? '';
    assert.match(problem, /^web-1\.yaml: disks\.path of os leads to .*\/private\/.*; it must lie in /);
    for (const part of [bench.place.folder, bench.place.stateFolder, bench.path('pool'), 'STRONGROOM_DISK_ROOTS'])
      assert.ok(problem.includes(part), part);
  }
});

test('a path out of the legal folders is refused as it stands, with the setting that allows it', async () => {
  await using bench = await openBench();
  for (const diskPath of ['../../private/os.raw', bench.path('private/os.raw'), '/etc/passwd', '.'])
    assert.match((await bench.problemOf(diskPath)) ?? '', /disks\[0\]\.path must lie in .*STRONGROOM_DISK_ROOTS/);
});

test('a path is written relative where it moves along with the descriptions', () => {
  const place = { folder: '/data/hosts/images', stateFolder: '/data/host-state/images', diskRoots: ['/pool'] };
  for (const [path, portable] of [
    ['/data/hosts/images/vms/os.raw', 'vms/os.raw'],
    ['/data/hosts/images/..os.raw', '..os.raw'],
    ['/data/host-state/images/disks/os.raw', '../../host-state/images/disks/os.raw'],
    ['/pool/os.raw', '/pool/os.raw'],
    ['/data/hosts/other/os.raw', '/data/hosts/other/os.raw'],
  ] as const)
    assert.equal(portablePath(place, path), portable);
});
