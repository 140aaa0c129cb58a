import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listItems } from '../db/items.ts';
import { itemPath, machinePath, makeVault, protect, putItem, VAULT } from './testing/paths.ts';
import { type Answer, machine, type TestServer, testServer } from './testing/testServer.ts';

const ITEM = itemPath('web01');
const names = (answer: Answer): string[] => answer.body.value.map((one: { name: string }) => one.name);
const protectable = async (server: TestServer): Promise<string[]> =>
  names(await server.call('GET', `${VAULT}/backupProtectableItems?$filter=backupManagementType eq 'AzureIaasVM'`));

/** The job that the operation of a 202 names, read as az does: last segment, at the vault. */
async function jobOf(server: TestServer, accepted: Answer) {
  assert.equal(accepted.status, 202, JSON.stringify(accepted.body));
  const id = (accepted.headers['azure-asyncoperation'] ?? '').split('?')[0]?.split('/').at(-1);
  const operation = await server.call('GET', `${VAULT}/backupOperations/${id}`);
  assert.equal(operation.body.status, 'Succeeded');
  assert.equal(operation.body.properties.objectType, 'OperationStatusJobExtendedInfo');
  return (await server.call('GET', `${VAULT}/backupJobs/${operation.body.properties.jobId}`)).body;
}

test('discovery: refresh is polled to 204, machines of the location that are free are listed', async () => {
  await using server = await testServer();
  await makeVault(server);
  server.machines.push(machine('far01', { location: 'northpole' }));
  const refresh = await server.call('POST', `${VAULT}/backupFabrics/Azure/refreshContainers`);
  assert.deepEqual([refresh.status, refresh.headers['retry-after']], [202, '1']);
  assert.match(refresh.headers.location ?? '', /\/backupFabrics\/Azure\/operationResults\/[0-9a-f-]{36}\?/);
  assert.equal((await server.call('GET', refresh.headers.location ?? '')).status, 204);
  assert.deepEqual(await protectable(server), ['iaasvmcontainerv2;Shop;db01', 'iaasvmcontainerv2;Shop;web01']);
  const other = `${VAULT}/backupProtectableItems?$filter=backupManagementType eq 'AzureWorkload'`;
  assert.deepEqual(names(await server.call('GET', other)), []);
  const { body } = await server.call('GET', `${VAULT}/backupProtectableItems?$filter=friendlyName eq 'WEB01'`);
  assert.deepEqual(body.value, [
    {
      id: `${VAULT}/backupFabrics/Azure/protectionContainers/IaasVMContainer;iaasvmcontainerv2;Shop;web01/protectableItems/vm;iaasvmcontainerv2;Shop;web01`,
      name: 'iaasvmcontainerv2;Shop;web01',
      type: 'Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectableItems',
      properties: {
        protectableItemType: 'Microsoft.Compute/virtualMachines',
        backupManagementType: 'AzureIaasVM',
        workloadType: 'VM',
        friendlyName: 'web01',
        protectionState: 'NotProtected',
        virtualMachineId: machinePath('web01'),
        virtualMachineVersion: 'Compute',
        resourceGroup: 'Shop',
      },
    },
  ]);
});

test('enabling protection: 202, the operation is known under item and vault, its job is Completed', async () => {
  await using server = await testServer();
  await makeVault(server);
  const accepted = await protect(server);
  const job = await jobOf(server, accepted);
  assert.equal(job.properties.operation, 'ConfigureBackup');
  assert.equal(job.properties.status, 'Completed');
  assert.deepEqual(job.properties.extendedInfo.tasksList, []);
  assert.equal((await server.call('GET', accepted.headers['azure-asyncoperation'] ?? '')).body.status, 'Succeeded');
  const result = await server.call('GET', accepted.headers.location ?? '');
  assert.deepEqual([result.status, result.body.properties.protectionState], [200, 'IRPending']);
  assert.deepEqual(await protectable(server), ['iaasvmcontainerv2;Shop;db01']);
});

test('a new item shows what a client reads of it', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server);
  const { body } = await server.call('GET', ITEM.toLowerCase());
  assert.deepEqual(body, {
    id: `${VAULT}/backupFabrics/Azure/protectionContainers/IaasVMContainer;iaasvmcontainerv2;Shop;web01/protectedItems/vm;iaasvmcontainerv2;Shop;web01`,
    name: 'VM;iaasvmcontainerv2;Shop;web01',
    type: 'Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems',
    properties: {
      protectedItemType: 'Microsoft.Compute/virtualMachines',
      backupManagementType: 'AzureIaasVM',
      workloadType: 'VM',
      friendlyName: 'web01',
      containerName: 'iaasvmcontainerv2;Shop;web01',
      sourceResourceId: machinePath('web01'),
      virtualMachineId: machinePath('web01'),
      policyId: `${VAULT}/backupPolicies/DefaultPolicy`,
      policyName: 'DefaultPolicy',
      protectionState: 'IRPending',
      protectionStatus: 'Healthy',
      healthStatus: 'Passed',
      healthDetails: [],
      kpisHealths: {},
      lastBackupStatus: 'IRPending',
      lastBackupTime: '2001-01-01T00:00:00Z',
      protectedItemDataId: body.properties.protectedItemDataId,
      isArchiveEnabled: false,
      softDeleteRetentionPeriodInDays: 14,
      vaultId: VAULT,
      extendedInfo: { recoveryPointCount: 0, policyInconsistent: false },
    },
  });
});

test('stop with data retained, resume, change of policy: each its own job', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server);
  const stopped = await putItem(server, 'web01', { policyId: '', protectionState: 'ProtectionStopped' });
  assert.equal((await jobOf(server, stopped)).properties.operation, 'DisableBackup');
  const item = (await server.call('GET', ITEM)).body.properties;
  assert.deepEqual([item.protectionState, item.policyId, item.policyName], ['ProtectionStopped', '', '']);
  assert.deepEqual(await protectable(server), ['iaasvmcontainerv2;Shop;db01']);
  const resumed = await protect(server, 'web01', 'EnhancedPolicy');
  assert.equal((await jobOf(server, resumed)).properties.operation, 'ConfigureBackup');
  const back = (await server.call('GET', ITEM)).body.properties;
  assert.notEqual(back.protectionState, 'ProtectionStopped');
  assert.equal(back.policyName, 'EnhancedPolicy');
  const policy = await server.call('GET', `${VAULT}/backupPolicies/EnhancedPolicy`);
  assert.equal(policy.body.properties.protectedItemsCount, 1);
});

test('delete schedules the data, undelete takes it back, the machine stays hidden meanwhile', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server);
  const deleted = await server.call('DELETE', ITEM);
  assert.equal((await jobOf(server, deleted)).properties.operation, 'DeleteBackupData');
  assert.equal((await server.call('GET', deleted.headers.location ?? '')).status, 204);
  await server.clock.turn(25 * 3_600_000);
  const item = (await server.call('GET', ITEM)).body.properties;
  assert.equal(item.isScheduledForDeferredDelete, true);
  assert.equal(item.deferredDeleteTimeInUTC, '2026-01-05T08:00:00.000Z');
  assert.equal(item.deferredDeleteTimeRemaining, '12.23:00:00');
  assert.deepEqual(await protectable(server), ['iaasvmcontainerv2;Shop;db01']);
  const listed = async (path: string) => names(await server.call('GET', `${VAULT}/${path}`));
  assert.deepEqual(await listed("backupProtectionContainers?$filter=status eq 'Registered'"), []);
  assert.equal((await listed('backupDeletedProtectionContainers')).length, 1);
  const undeleted = await putItem(server, 'web01', {
    policyId: '',
    isRehydrate: true,
    protectionState: 'ProtectionStopped',
  });
  assert.equal((await jobOf(server, undeleted)).properties.operation, 'Undelete');
  const after = (await server.call('GET', ITEM)).body.properties;
  assert.deepEqual([after.isScheduledForDeferredDelete, after.protectionState], [undefined, 'ProtectionStopped']);
  assert.equal((await server.call('DELETE', itemPath('db01'))).status, 204);
});

test('selective disks are kept, and reset by empty extended properties', async () => {
  await using server = await testServer();
  await makeVault(server);
  const at = (lun: number) => ({ lun, name: `disk${lun}`, sizeBytes: 2 ** 30 });
  server.machines.splice(0, 1, machine('web01', { disks: [-1, 0, 3].map(at) }));
  const policyId = `${VAULT}/backupPolicies/DefaultPolicy`;
  const disks = async () => (await server.call('GET', ITEM)).body.properties.extendedProperties;
  await putItem(server, 'web01', {
    policyId,
    extendedProperties: { diskExclusionProperties: { diskLunList: [3, 0], isInclusionList: true } },
  });
  assert.deepEqual(await disks(), { diskExclusionProperties: { diskLunList: [0, 3], isInclusionList: true } });
  await putItem(server, 'web01', { policyId });
  assert.deepEqual((await disks()).diskExclusionProperties.diskLunList, [0, 3]);
  await putItem(server, 'web01', { policyId, extendedProperties: {} });
  assert.equal(await disks(), undefined);
});

test('items and containers are listed by filter', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server, 'web01');
  await protect(server, 'db01', 'EnhancedPolicy');
  const items = async (filter: string) => {
    const path = `${VAULT}/backupProtectedItems/?$filter=${encodeURIComponent(filter)}`;
    const { body } = await server.call('GET', path);
    return body.value.map((item: { properties: { friendlyName: string } }) => item.properties.friendlyName);
  };
  assert.deepEqual(await items("backupManagementType eq 'AzureIaasVM' and itemType eq 'VM'"), ['db01', 'web01']);
  assert.deepEqual(await items("policyName eq 'enhancedpolicy'"), ['db01']);
  assert.deepEqual(await items("itemType eq 'SQLDataBase'"), []);
  assert.deepEqual(await items("friendlyName eq 'WEB01' and containerName eq 'iaasvmcontainerv2;shop;web01'"), [
    'web01',
  ]);
  const wrong = await server.call('GET', `${VAULT}/backupProtectedItems?$filter=colour eq 'red'`);
  assert.deepEqual([wrong.status, wrong.body.error.code], [400, 'InvalidFilter']);
  assert.match(wrong.body.error.message, /friendlyName/);
  const containers = `${VAULT}/backupProtectionContainers?$filter=backupManagementType eq 'AzureIaasVM' and friendlyName eq 'db01' and status eq 'Registered'`;
  assert.deepEqual(names(await server.call('GET', containers)), ['IaasVMContainer;iaasvmcontainerv2;Shop;db01']);
  const inContainer = await server.call('GET', `${ITEM.split('/protectedItems/')[0]}/items`);
  assert.deepEqual(names(inContainer), ['VM;iaasvmcontainerv2;Shop;web01']);
  const container = await server.call('GET', ITEM.split('/protectedItems/')[0] ?? '');
  assert.equal(container.body.properties.containerType, 'Microsoft.Compute/virtualMachines');
});

test('what cannot be protected is refused with code, target and a legal value', async () => {
  await using server = await testServer();
  await makeVault(server);
  server.machines.push(machine('far01', { location: 'northpole' }));
  const policyId = `${VAULT}/backupPolicies/DefaultPolicy`;
  const other = VAULT.replace('safe', 'second');
  await makeVault(server, other);
  await protect(server, 'db01', 'DefaultPolicy', other);
  const mixed = ITEM.replace('VM;iaasvmcontainerv2;Shop;web01', 'VM;iaasvmcontainerv2;Shop;db01');
  const invalid = 'BMSUserErrorInvalidConfigureProtectionRequest';
  const body = (properties: object) => ({
    properties: { protectedItemType: 'Microsoft.Compute/virtualMachines', policyId, ...properties },
  });
  const cases: [string, unknown, number, string, string | undefined, RegExp][] = [
    [itemPath('none'), body({}), 400, 'BCMV2VMNotFound', 'properties.sourceResourceId', /'none'.*doesn't exist/],
    [itemPath('far01'), body({}), 400, invalid, 'properties.sourceResourceId', /same location.*northpole/],
    [
      itemPath('db01'),
      body({}),
      400,
      'VirtualMachineAlreadyProtected',
      'properties.sourceResourceId',
      /already protected/,
    ],
    [
      ITEM,
      body({ policyId: `${other}/backupPolicies/DefaultPolicy` }),
      400,
      invalid,
      'properties.policyId',
      /vaults\/safe\/backupPolicies\//,
    ],
    [ITEM, body({ policyId: `${VAULT}/backupPolicies/None` }), 400, invalid, 'properties.policyId', /'None'/],
    [ITEM, body({ policyId: 'DefaultPolicy' }), 400, invalid, 'properties.policyId', /is not the id/],
    [ITEM, body({ sourceResourceId: machinePath('db01') }), 400, invalid, 'properties.sourceResourceId', /web01/],
    [
      ITEM,
      body({ protectedItemType: 'SAPHanaDatabase' }),
      400,
      'InvalidRequestContent',
      'properties.protectedItemType',
      /Microsoft.Compute\/virtualMachines/,
    ],
    [
      ITEM,
      body({ extendedProperties: { diskExclusionProperties: { diskLunList: [99], isInclusionList: true } } }),
      400,
      'InvalidRequestContent',
      'properties.extendedProperties.diskExclusionProperties.diskLunList[0]',
      /0 to 63/,
    ],
    [ITEM, body({ retention: 3 }), 400, 'InvalidRequestContent', 'properties.retention', /policyId/],
    [mixed, body({}), 400, 'BMSUserErrorProtectedItemNameIncorrectFormat', 'protectedItemName', /another machine/],
    [
      ITEM.replace('VM;iaasvmcontainerv2', 'VM;container'),
      body({}),
      400,
      'BMSUserErrorProtectedItemNameIncorrectFormat',
      'protectedItemName',
      /VM;iaasvmcontainerv2;/,
    ],
    [ITEM.replace('Fabrics/Azure', 'Fabrics/Moon'), body({}), 400, 'BadRequest', 'fabricName', /'Azure'/],
  ];
  for (const [path, sent, status, code, target, message] of cases) {
    const answer = await server.call('PUT', path, sent);
    const error = answer.body?.error ?? {};
    assert.deepEqual([answer.status, error.code, error.target], [status, code, target], JSON.stringify(answer.body));
    assert.match(error.message, message);
  }
  assert.equal((await server.call('GET', ITEM)).body.error.code, 'ResourceNotFound');
});

test('a role on the vault alone does not open any machine', async () => {
  await using server = await testServer();
  await makeVault(server);
  server.denied.add('Microsoft.Compute/virtualMachines/write');
  const answer = await protect(server);
  assert.deepEqual([answer.status, answer.body.error.code], [403, 'AuthorizationFailed']);
  assert.match(answer.body.error.message, /virtualMachines\/web01/);
});

test('an operation is known only where it was begun', async () => {
  await using server = await testServer();
  await makeVault(server);
  await makeVault(server, VAULT.replace('safe', 'second'));
  const accepted = await protect(server);
  const id = accepted.headers['azure-asyncoperation']?.split('?')[0]?.split('/').at(-1);
  const elsewhere = await server.call('GET', `${VAULT.replace('safe', 'second')}/backupOperations/${id}`);
  assert.deepEqual([elsewhere.status, elsewhere.body.error.code], [404, 'NotFound']);
  assert.equal((await server.call('GET', `${VAULT}/backupOperations/${id}`)).status, 200);
});

test('a machine that is retained in one vault can be protected in another, but not resumed meanwhile', async () => {
  await using server = await testServer();
  const second = VAULT.replace('safe', 'second');
  await makeVault(server);
  await makeVault(server, second);
  await protect(server);
  await putItem(server, 'web01', { policyId: '', protectionState: 'ProtectionStopped' });
  assert.equal((await protect(server, 'web01', 'DefaultPolicy', second)).status, 202);
  assert.equal((await protect(server)).body.error.code, 'VirtualMachineAlreadyProtected');
});

test('an item follows a machine that was made again on another host, and stays changeable without its machine', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server);
  const vmId = '12121212-0000-0000-0000-000000000000';
  server.machines.splice(0, server.machines.length, machine('web01', { host: 'shelf', vmId }));
  await protect(server, 'web01', 'EnhancedPolicy');
  const [item] = await listItems(server.db.queries);
  assert.deepEqual([item?.host, item?.vmId], ['shelf', vmId]);
  server.machines.length = 0;
  assert.equal((await protect(server, 'web01', 'EnhancedPolicy')).status, 202);
  assert.equal((await putItem(server, 'web01', { policyId: '', protectionState: 'ProtectionStopped' })).status, 202);
});
