import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { blobEndpoint } from '../blob/blobEndpoint.ts';
import { BlobStore } from '../blob/blobStore.ts';
import { findArmResource } from '../db/armResources.ts';
import { listPacks } from '../db/packs.ts';
import { putPoint } from '../db/points.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/log.ts';
import { readImageHeader } from '../machine/imageFormat.ts';
import type { Job } from '../vault/job.ts';
import type { JobTools } from './context.ts';
import { runRestore } from './restore.ts';
import type { StagingTarget } from './restoreTarget.ts';
import { JobRunner } from './runner.ts';
import { BY, MACHINE, VaultRig } from './vaultRig.fixture.ts';

const ACCOUNT = 'staging01';
const KEY = randomBytes(64).toString('base64');
const TARGET: StagingTarget = {
  kind: 'staging',
  account: ACCOUNT,
  accountId: '/subscriptions/s/resourceGroups/shop/providers/Microsoft.Storage/storageAccounts/staging01',
  endpoint: 'https://staging01.blob.localhost:8443/',
  resourceGroup: 'shop',
};

const openBlobs = (rig: VaultRig) => BlobStore.open({ folder: join(rig.folder, 'storage'), clock: rig.clock });

async function backedUp(): Promise<VaultRig> {
  const rig = await VaultRig.open();
  await rig.host.write(MACHINE, -1, 0, randomBytes(300_000));
  await rig.host.write(MACHINE, 0, 69_000_000, randomBytes(300_000));
  assert.equal((await rig.backUp()).status, 'Completed');
  return rig;
}

async function restore(rig: VaultRig, blobs: BlobStore, target: Partial<StagingTarget> = {}): Promise<Job> {
  const [point] = await rig.points();
  const id = await rig.service.requestRestore(rig.item.id, point!.id, { ...TARGET, ...target }, BY);
  await runnerOf({ ...rig.tools, blobs }).runOne();
  return rig.job(id);
}

const runnerOf = (tools: JobTools) =>
  new JobRunner(tools, {
    owner: randomUUID(),
    handlers: { Restore: runRestore, CrossRegionRestore: runRestore },
    concurrency: 1,
  });

const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

test('disks become VHD blobs of the snapshot’s bytes, with the files and the property bag that scripts read', async () => {
  await using rig = await backedUp();
  await using blobs = await openBlobs(rig);
  const job = await restore(rig, blobs);
  assert.equal(job.status, 'Completed', JSON.stringify(job.errors));
  assert.deepEqual(
    job.subTasks.map(({ name, status }) => `${name}: ${status}`),
    ['Transfer data from vault: Completed', 'Write configuration: Completed'],
  );
  const bag = job.propertyBag;
  const container = bag['Config Blob Container Name']!;
  assert.match(container, /^web-1-[0-9a-f]{32}$/);
  assert.equal(bag['Job Type'], 'Recover disks');
  assert.equal(bag['Target Storage Account Name'], ACCOUNT);
  assert.equal(bag['Config Blob Name'], `config-web-1-${job.id}.json`);
  assert.equal(bag['Config Blob Uri'], `${TARGET.endpoint}${container}/${bag['Config Blob Name']}`);
  assert.equal(bag['Template Blob Uri'], `${TARGET.endpoint}${container}/azuredeploy${job.id}.json`);
  assert.equal(bag['Recovery point time '], '3/2/2026 9:00:00 AM');

  await using endpoint = await serve(blobs);
  const client = endpoint.service.getContainerClient(container);
  const found: string[] = [];
  for await (const { name, properties } of client.listBlobsFlat()) found.push(`${name} ${properties.blobType}`);
  const vhds = { os: 'web-1-osdisk-20260302-090000.vhd', data: 'web-1-datadisk-000-20260302-090000.vhd' };
  assert.deepEqual(found, [
    `azuredeploy${job.id}.json BlockBlob`,
    `config-web-1-${job.id}.json BlockBlob`,
    `${vhds.data} PageBlob`,
    `${vhds.os} PageBlob`,
  ]);
  const machine = await rig.diskHashes();
  for (const [lun, name] of [
    [-1, vhds.os],
    [0, vhds.data],
  ] as const) {
    const bytes = await client.getBlobClient(name).downloadToBuffer();
    assert.equal(sha(bytes.subarray(0, -512)), machine.get(lun));
    const blob = blobs.blob({ account: ACCOUNT, container, name })!;
    const header = await readImageHeader(blobs.pathOf(blob));
    assert.deepEqual([header.format, header.sizeBytes, header.flat], ['vhd', bytes.length - 512, true]);
  }
  const config = (await client.getBlobClient(bag['Config Blob Name']!).downloadToBuffer()).toString('utf16le');
  const parsed = JSON.parse(config.replace(/^\uFEFF/, '')) as Record<string, { osDisk: { vhd: { uri: string } } }>;
  assert.equal(parsed['properties.storageProfile']?.osDisk.vhd.uri, `${TARGET.endpoint}${container}/${vhds.os}`);
  const template = await client.getBlobClient(`azuredeploy${job.id}.json`).downloadToBuffer();
  const { resources } = JSON.parse(template.toString()) as { resources: { type: string }[] };
  assert.deepEqual(
    resources.map(({ type }) => type.split('/')[1]),
    ['disks', 'disks', 'networkInterfaces', 'virtualMachines'],
  );
});

test('a restore that is killed half-way begins anew and ends right, with nothing left over', async () => {
  await using rig = await backedUp();
  const blobs = await openBlobs(rig);
  const [point] = await rig.points();
  const id = await rig.service.requestRestore(rig.item.id, point!.id, TARGET, BY);
  // as killed: the first disk is committed, the second's file is there, and nobody cleans up
  const container = `web-1-${id.replaceAll('-', '')}`;
  await blobs.createContainer(ACCOUNT, container);
  const half = await blobs.draft(ACCOUNT, container, 4096);
  const place = { account: ACCOUNT, container, name: 'web-1-osdisk-20260302-090000.vhd' };
  await half.commit(place, { kind: 'PageBlob', headers: {}, metadata: {} });
  const dropped = await blobs.draft(ACCOUNT, container, 4096);
  await blobs[Symbol.asyncDispose]();

  await using next = await rig.reborn();
  await using reopened = await openBlobs(next);
  const files = () => readdir(join(next.folder, 'storage', ACCOUNT, container));
  assert.ok(!(await files()).includes(dropped.file), 'what was never finished is gone');
  await runnerOf({ ...next.tools, blobs: reopened }).runOne();
  assert.equal((await next.job(id)).status, 'Completed');
  const bytes = await readFile(reopened.pathOf(reopened.blob(place)!));
  assert.equal(sha(bytes.subarray(0, -512)), (await next.diskHashes()).get(-1));
  assert.equal((await files()).length, 4);
});

test('a restore that fails leaves no disk, and only the disks that were chosen are written', async () => {
  await using rig = await backedUp();
  await using blobs = await openBlobs(rig);
  const some = await restore(rig, blobs, { luns: [0] });
  const names = blobs.blobs(ACCOUNT, some.propertyBag['Config Blob Container Name']!, { prefix: 'web-1', limit: 9 });
  assert.deepEqual(
    names.entries.map((entry) => 'name' in entry && entry.name),
    ['web-1-datadisk-000-20260302-090000.vhd'],
  );
  // the second disk's pack is lost, after the first was written
  const { name } = (await listPacks(rig.db.queries, rig.item.vaultId)).findLast(({ kind }) => kind === 'data')!;
  await rm(join(rig.tools.stores.storeFolder(rig.item.vaultId), name));
  const failed = await restore(rig, blobs);
  assert.equal(failed.status, 'Failed');
  const container = `web-1-${failed.id.replaceAll('-', '')}`;
  assert.deepEqual(blobs.blobs(ACCOUNT, container, { prefix: '', limit: 9 }).entries, []);
  assert.deepEqual(await readdir(join(rig.folder, 'storage', ACCOUNT, container)), []);
});

test('with a target group the disks become managed ones, read from the snapshot as long as it is there', async () => {
  await using rig = await backedUp();
  await using blobs = await openBlobs(rig);
  const managedDisks = { subscriptionId: 's', resourceGroup: 'lab', location: 'westeurope' };
  const job = await restore(rig, blobs, { managedDisks });
  assert.equal(job.status, 'Completed', JSON.stringify(job.errors));
  const id = '/subscriptions/s/resourceGroups/lab/providers/Microsoft.Compute/disks/web-1-osdisk-20260302-090000';
  const disk = await findArmResource(rig.db.queries, id);
  assert.deepEqual([disk?.properties.osType, disk?.properties.diskSizeBytes], ['Linux', 4 * 2 ** 20]);
  assert.equal(sha(await readFile(disk!.secret!.path!)), (await rig.diskHashes()).get(-1));
  const container = job.propertyBag['Config Blob Container Name']!;
  assert.equal(blobs.blobs(ACCOUNT, container, { prefix: '', limit: 9 }).entries.length, 2, 'files, no disks');

  // the snapshot is gone from the host: the vault has the bytes
  const [point] = await rig.points();
  await rig.host.deleteSnapshot(MACHINE, point!.snapshot!.snapshotId);
  await rig.clock.turn(1000);
  const again = await restore(rig, blobs, { managedDisks });
  assert.equal(again.status, 'Completed', JSON.stringify(again.errors));
  // and when the vault never had them, the error says what is missing
  const { vaulted: _vaulted, ...snapshotOnly } = point!;
  await putPoint(rig.db.queries, snapshotOnly);
  const gone = await restore(rig, blobs);
  assert.equal(gone.errors[0]?.code, 'UserErrorInstantRpNotFound');
});

test('a cross-region restore reads the second place alone, and is a job of that name', async () => {
  const places = { local: ['near'], zones: [], secondary: ['far'] };
  await using rig = await VaultRig.open({}, { places, redundancy: 'GeoRedundant' });
  await rig.host.write(MACHINE, -1, 0, randomBytes(300_000));
  assert.equal((await rig.backUp()).status, 'Completed');
  assert.equal((await rig.housekeep('Replicate')).status, 'Completed');
  await rm(join(rig.folder, 'places', 'near'), { recursive: true });
  await using blobs = await openBlobs(rig);
  const job = await restore(rig, blobs, { fromSecondary: true });
  assert.deepEqual([job.operation, job.status], ['CrossRegionRestore', 'Completed'], JSON.stringify(job.errors));
  const container = job.propertyBag['Config Blob Container Name']!;
  const os = blobs.blob({ account: ACCOUNT, container, name: 'web-1-osdisk-20260302-090000.vhd' })!;
  const bytes = await readFile(blobs.pathOf(os));
  assert.equal(sha(bytes.subarray(0, -512)), (await rig.diskHashes()).get(-1));
});

async function serve(store: BlobStore): Promise<AsyncDisposable & { readonly service: BlobServiceClient }> {
  const take = blobEndpoint({
    store,
    host: 'localhost',
    clock: systemClock,
    log: silentLogger,
    accounts: { find: async () => ({ id: TARGET.accountId, keys: [KEY] }), bearerMay: async () => false },
  });
  const server = createServer((request, response) => void take(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/blob/${ACCOUNT}`;
  return {
    service: new BlobServiceClient(url, new StorageSharedKeyCredential(ACCOUNT, KEY)),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
