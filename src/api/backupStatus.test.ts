import assert from 'node:assert/strict';
import { test } from 'node:test';
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
  });
  await putItem(server, 'web01', { policyId: '', protectionState: 'ProtectionStopped' });
  assert.equal((await status(server)).vaultId, VAULT);
  await server.call('DELETE', itemPath('web01'));
  assert.equal((await status(server)).vaultId, undefined);
});

test('validation before protection fails for a machine that is protected', async () => {
  await using server = await testServer();
  await makeVault(server);
  const validate = async () =>
    (await server.call('POST', `${AT}/backupPreValidateProtection`, { ...VM, vaultId: VAULT, properties: '' })).body;
  assert.equal((await validate()).status, 'Succeeded');
  await protect(server);
  const failed = await validate();
  assert.deepEqual([failed.status, failed.errorCode], ['Failed', 'VirtualMachineAlreadyProtected']);
  const features = await server.call('POST', `${AT}/backupValidateFeatures`, {
    featureType: 'AzureVMResourceBackup',
    vmSize: 'Basic_A0',
  });
  assert.deepEqual(features.body, { supportStatus: 'Supported' });
});

test('what is not a machine is refused', async () => {
  await using server = await testServer();
  const path = await server.call('POST', `${AT}/backupStatus`, { ...VM, resourceId: VAULT });
  assert.deepEqual([path.status, path.body.error.target], [400, 'resourceId']);
  const type = await server.call('POST', `${AT}/backupStatus`, { ...VM, resourceType: 'AzureFileShare' });
  assert.match(type.body.error.message, /'VM'/);
});
