import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AZURE_LIMITS } from '../vault/limits.ts';
import { itemPath, machinePath, makeVault, protect, putItem, VAULT } from './testing/paths.ts';
import { machine, SUBSCRIPTION, type TestServer, testServer } from './testing/testServer.ts';

const AT = `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.RecoveryServices/locations/westeurope`;
const SECOND = VAULT.replace('safe', 'second');

const validate = async (server: TestServer, name = 'web01', more: object = {}) => {
  const body = { resourceType: 'VM', resourceId: machinePath(name), vaultId: VAULT, properties: '', ...more };
  const answer = await server.call('POST', `${AT}/backupPreValidateProtection`, body);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
};

test('a machine that can be protected is told the names its protection will have', async () => {
  await using server = await testServer();
  await makeVault(server);
  assert.deepEqual(await validate(server), {
    status: 'Succeeded',
    containerName: 'IaasVMContainer;iaasvmcontainerv2;Shop;web01',
    protectedItemName: 'VM;iaasvmcontainerv2;Shop;web01',
  });
  assert.equal((await validate(server, 'web01', { vaultId: '' })).status, 'Succeeded');
});

test('whatever enabling would refuse, the check before it says with the same code', async () => {
  await using server = await testServer();
  await makeVault(server);
  await makeVault(server, SECOND);
  const disk = (lun: number, tib: number) => ({ lun, name: `d${lun}`, sizeBytes: tib * 2 ** 40 });
  server.machines.push(
    machine('far01', { location: 'northpole' }),
    machine('big01', { disks: [disk(-1, 1), disk(0, 65)] }),
    machine('many01', { disks: Array.from({ length: 33 }, (_, i) => disk(i - 1, 1)) }),
    machine('sum01', { disks: Array.from({ length: 9 }, (_, i) => disk(i - 1, 60)) }),
    machine('held01'),
  );
  await protect(server, 'held01', 'DefaultPolicy', SECOND);
  const codeOf = async (name: string, more?: object) => {
    const { status, errorCode, errorMessage, recommendation } = await validate(server, name, more);
    assert.deepEqual([status, errorMessage !== ''], ['Failed', true]);
    return [errorCode, recommendation === undefined ? 'bare' : 'advised'];
  };
  assert.deepEqual(await codeOf('none'), ['BCMV2VMNotFound', 'advised']);
  assert.deepEqual(await codeOf('far01'), ['BMSUserErrorInvalidConfigureProtectionRequest', 'bare']);
  assert.deepEqual(await codeOf('big01'), ['UserErrorUnsupportedDiskSize', 'advised']);
  assert.deepEqual(await codeOf('many01'), ['UserErrorProtectionLimitReached', 'advised']);
  assert.deepEqual(await codeOf('sum01'), ['UserErrorUnsupportedDiskSize', 'advised']);
  assert.deepEqual(await codeOf('held01'), ['VirtualMachineAlreadyProtected', 'advised']);
  assert.deepEqual(await codeOf('held01', { vaultId: undefined }), ['VirtualMachineAlreadyProtected', 'advised']);
  const foreign = machinePath('web01').replace(SUBSCRIPTION, '22222222-0000-0000-0000-000000000000');
  assert.deepEqual(await codeOf('web01', { resourceId: foreign }), [
    'UserErrorCrossSubscriptionBackupNotSupported',
    'bare',
  ]);
  assert.deepEqual(await codeOf('web01', { vaultId: `${VAULT}x` }), ['ResourceNotFound', 'bare']);
  assert.deepEqual(await codeOf('web01', { vaultId: 'safe' }), ['BadRequest', 'bare']);
  await protect(server);
  assert.deepEqual(await codeOf('web01'), ['VirtualMachineAlreadyProtected', 'advised']);
  await server.call('DELETE', itemPath('web01'));
  assert.deepEqual(await codeOf('web01'), ['UserErrorItemSoftDeleted', 'advised']);
  assert.equal((await validate(server, 'web01', { vaultId: SECOND })).status, 'Succeeded');
});

test('a machine retained elsewhere is free, and a full vault is said before', async () => {
  await using server = await testServer();
  await makeVault(server);
  await makeVault(server, SECOND);
  await protect(server, 'web01', 'DefaultPolicy', SECOND);
  await putItem(server, 'web01', { policyId: '', protectionState: 'ProtectionStopped' }, SECOND);
  assert.equal((await validate(server)).status, 'Succeeded');
  Object.assign(server.services.config, { limits: { ...AZURE_LIMITS, machinesInVault: 0 } });
  assert.equal((await validate(server)).errorCode, 'UserErrorProtectionLimitReached');
});

test('what a machine is like is looked at for those alone who may read it', async () => {
  await using server = await testServer();
  await makeVault(server);
  server.machines.push(machine('far01', { location: 'northpole' }));
  server.denied.add('Microsoft.Compute/virtualMachines/read');
  assert.equal((await validate(server, 'far01')).status, 'Succeeded');
  assert.equal((await validate(server, 'none')).status, 'Succeeded');
});
