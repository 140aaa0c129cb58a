import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listItems, updateItem } from '../db/items.ts';
import { itemPath, machinePath, makeVault, protect, putItem, VAULT } from './testing/paths.ts';
import { SUBSCRIPTION, type TestServer, testServer } from './testing/testServer.ts';

const AT = `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.RecoveryServices/locations/westeurope`;
const VM = { resourceType: 'VM', resourceId: machinePath('web01') };
const status = async (server: TestServer) => (await server.call('POST', `${AT}/backupStatus`, VM)).body;

test('the status of a machine names its vault while anything of it is kept, and no vault otherwise', async () => {
  await using server = await testServer();
  await makeVault(server);
  const before = await status(server);
  assert.deepEqual([before.protectionStatus, before.vaultId], ['NotProtected', undefined]);
  await protect(server);
  assert.deepEqual(await status(server), {
    protectionStatus: 'Protecting',
    vaultId: VAULT,
    fabricName: 'Azure',
    containerName: 'IaasVMContainer;iaasvmcontainerv2;Shop;web01',
    protectedItemName: 'VM;iaasvmcontainerv2;Shop;web01',
    policyName: 'DefaultPolicy',
    registrationStatus: 'Registered',
    protectedItemsCount: 1,
    acquireStorageAccountLock: 'NotAcquire',
  });
  await putItem(server, 'web01', { policyId: '', protectionState: 'ProtectionStopped' });
  assert.equal((await status(server)).vaultId, VAULT);
  await server.call('DELETE', itemPath('web01'));
  assert.equal((await status(server)).vaultId, undefined);
});

test('features: machines of any size, nothing else', async () => {
  await using server = await testServer();
  const ask = async (body: object) => (await server.call('POST', `${AT}/backupValidateFeatures`, body)).body;
  const machines = { featureType: 'AzureVMResourceBackup', vmSize: 'Basic_A0', vmSku: 'Premium' };
  assert.deepEqual(await ask(machines), { supportStatus: 'Supported' });
  assert.deepEqual(await ask({ featureType: 'AzureBackupGoals' }), { supportStatus: 'NotSupported' });
  assert.match((await ask({ featureType: 'Moon' })).error.message, /AzureVMResourceBackup/);
});

test('the status tells of the region asked for, and of the failure of a machine that never was backed up', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server);
  const elsewhere = await server.call('POST', `${AT.replace('westeurope', 'northpole')}/backupStatus`, VM);
  assert.equal(elsewhere.body.protectionStatus, 'NotProtected');
  const [item] = await listItems(server.db.queries);
  const lastBackup = { status: 'Failed', time: 1, errorCode: 'SnapshotFailed', errorMessage: 'No space.' } as const;
  await updateItem(server.db.queries, { ...item!, lastBackup });
  const failed = await status(server);
  assert.deepEqual(
    [failed.protectionStatus, failed.vaultId, failed.errorCode, failed.errorMessage],
    ['ProtectionFailed', VAULT, 'SnapshotFailed', 'No space.'],
  );
});

test('what is not a machine is refused', async () => {
  await using server = await testServer();
  const path = await server.call('POST', `${AT}/backupStatus`, { ...VM, resourceId: VAULT });
  assert.deepEqual([path.status, path.body.error.target], [400, 'resourceId']);
  const type = await server.call('POST', `${AT}/backupStatus`, { ...VM, resourceType: 'AzureFileShare' });
  assert.match(type.body.error.message, /'VM'/);
});
