import assert from 'node:assert/strict';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { GUEST, hashSnapshotDisk, IMAGE, LOCATION, tool } from '../guestRig.ts';
import type { AzRig } from './azRig.ts';

const VM = ['--backup-management-type', 'AzureIaasVM'];

/** Points, and disks out of them into a storage account. */
export async function restoreCommands(t: TestContext, rig: AzRig): Promise<void> {
  const { az, group } = rig;
  const points = async (machine: string, ...words: readonly string[]) =>
    (await az.ok(
      'backup',
      'recoverypoint',
      'list',
      ...rig.item(machine),
      '--workload-type',
      'VM',
      ...words,
    )) as Point[];

  await t.test('points', async () => {
    const [newest] = await points(GUEST.name);
    assert.equal(newest!.properties.recoveryPointType, 'AppConsistent');
    const shown = await az.ok('backup', 'recoverypoint', 'show', ...rig.item(GUEST.name), '-n', newest!.name);
    assert.equal(shown.name, newest!.name);
    assert.deepEqual(await points(GUEST.name, '--start-date', '01-01-2020', '--end-date', '02-01-2020'), []);
    assert.deepEqual(await points(GUEST.name, '--recommended-for-archive'), []);
    const tiers = ['--source-tier', 'VaultStandard', '--destination-tier', 'VaultArchive'];
    const move = ['backup', 'recoverypoint', 'move', ...rig.item(GUEST.name), '-n', newest!.name, ...tiers];
    assert.match((await az.run(...move)).stderr + (await az.run(...move)).stdout, /archive|Failed/i);
    assert.notEqual((await az.run('backup', 'recoverypoint', 'show-log-chain', ...rig.item(GUEST.name))).code, 0);
  });

  await t.test('a staging account', async () => {
    await az.ok('storage', 'account', 'create', '-g', group, '-n', 'stage1', '-l', LOCATION, '--sku', 'Standard_LRS');
    const keys = (await az.ok('storage', 'account', 'keys', 'list', '-g', group, '-n', 'stage1')) as {
      value: string;
    }[];
    assert.equal(Buffer.from(keys[0]!.value, 'base64').length, 64);
  });

  for (const machine of [IMAGE.name, GUEST.name])
    await t.test(`disks of ${machine} come back byte for byte`, async () => {
      const [newest] = await points(machine);
      const staging = ['--storage-account', 'stage1', '--storage-account-resource-group', group];
      const words = ['backup', 'restore', 'restore-disks', ...rig.inVault, '-c', machine, '-i', machine];
      const job = await az.ok(...words, '-r', newest!.name, ...staging, '--restore-to-staging-storage-account', 'true');
      const ended = await rig.ended(job.name);
      assert.equal(ended.properties.status, 'Completed', JSON.stringify(ended.properties.errorDetails));
      const bag = ended.properties.extendedInfo.propertyBag as Record<string, string>;
      const container = bag['Config Blob Container Name'] ?? '';
      assert.notEqual(container, '', JSON.stringify(bag));
      const blobs = (await blob(rig, 'list', '--container-name', container)) as { name: string }[];
      const disks = blobs.map(({ name }) => name).filter((name) => name.endsWith('.vhd'));
      assert.equal(disks.length, machine === GUEST.name ? 2 : 1);
      const wanted = new Set(await snapshotHashes(rig, machine, newest!.name));
      for (const name of disks) {
        await blob(
          rig,
          'download',
          '--container-name',
          container,
          '--name',
          name,
          '--file',
          'disk.vhd',
          '--no-progress',
        );
        assert.ok(
          wanted.has(await hashWithoutFooter(join(az.folder, 'disk.vhd'))),
          `${name} is one of the point's disks`,
        );
      }
      assert.ok(blobs.some(({ name }) => name === bag['Config Blob Name']));
    });

  await t.test('what is not served is refused in words', async () => {
    const [newest] = await points(IMAGE.name);
    const words = ['-c', IMAGE.name, '-i', IMAGE.name, '-r', newest!.name, ...rig.inVault];
    assert.match(
      (await az.fails('backup', 'restore', 'files', 'mount-rp', ...words)).stderr,
      /not served|not yet|item recovery|file/i,
    );
    assert.equal((await az.run('backup', 'restore', 'files', 'unmount-rp', ...words)).code, 0, 'nothing is mounted');
    const original = [
      '--restore-mode',
      'OriginalLocation',
      '--storage-account',
      'stage1',
      '--storage-account-resource-group',
      group,
    ];
    assert.match(
      (await az.fails('backup', 'restore', 'restore-disks', ...words, ...original)).stderr,
      /Original|not served|RestoreDisks/,
    );
  });

  await t.test('the secondary region of a vault that has none', async () => {
    const list = await az.run('backup', 'item', 'list', ...rig.inVault, ...VM, '--use-secondary-region');
    assert.ok(list.code === 0 ? list.stdout.trim() === '[]' : /[Cc]ross.?[Rr]egion/.test(list.stderr), list.stderr);
  });
}

interface Point {
  readonly name: string;
  readonly properties: { readonly recoveryPointType: string };
}

/** `az storage blob …` with the account's key. */
async function blob({ az, app, group }: AzRig, ...words: readonly string[]): Promise<unknown> {
  const [key] = (await az.ok('storage', 'account', 'keys', 'list', '-g', group, '-n', 'stage1')) as { value: string }[];
  const endpoint = `${app.client.endpoint}/blob/stage1`; // by path: no name of the account has to resolve
  return az.ok(
    'storage',
    'blob',
    ...words,
    '--account-name',
    'stage1',
    '--blob-endpoint',
    endpoint,
    '--account-key',
    key!.value,
  );
}

/** Of the host's own snapshot, which is still there. */
async function snapshotHashes({ app, group }: AzRig, machine: string, point: string): Promise<string[]> {
  const ref = { resourceGroup: group, name: machine };
  const host = app.hosts.get(machine === GUEST.name ? 'qemu' : 'images');
  const snapshot = (await host.snapshots(ref)).find(({ id }) => id === `p${point}`);
  const hashes: string[] = [];
  for (const { lun } of snapshot?.disks ?? []) {
    await using disk = await host.openDisk(ref, snapshot!.id, lun);
    hashes.push(await hashSnapshotDisk(disk));
  }
  return hashes;
}

/** A fixed VHD is the disk and a footer of 512 bytes. */
async function hashWithoutFooter(path: string): Promise<string> {
  const { size } = await stat(path);
  await using file = await open(path, 'r');
  const { buffer } = await file.read(Buffer.alloc(8), 0, 8, size - 512);
  assert.equal(buffer.toString(), 'conectix');
  const hash = await tool('/bin/sh', '-c', 'head -c "$1" "$2" | sha256sum', 'sh', String(size - 512), path);
  return hash.slice(0, 64);
}
