import assert from 'node:assert/strict';
import { test } from 'node:test';
import { itemPath, machinePath, makeVault, protect, putItem, VAULT } from './testing/paths.ts';
import { testServer } from './testing/testServer.ts';

const NAME = 'vm;iaasvmcontainerv2;Shop;web01';
const INTENT = `${VAULT}/backupFabrics/Azure/backupProtectionIntent/${NAME}`;
const policyId = `${VAULT}/backupPolicies/DefaultPolicy`;
const body = (more: object = {}) => ({
  properties: {
    protectionIntentItemType: 'AzureResourceItem',
    sourceResourceId: machinePath('web01'),
    policyId,
    ...more,
  },
});

test('an intent protects the machine it names, at once', async () => {
  await using server = await testServer();
  await makeVault(server);
  assert.equal((await server.call('GET', INTENT)).status, 404);
  const made = await server.call('PUT', INTENT, body());
  assert.deepEqual(
    [made.status, made.body],
    [
      200,
      {
        id: INTENT,
        name: NAME,
        type: 'Microsoft.RecoveryServices/vaults/backupFabrics/backupProtectionIntent',
        properties: {
          protectionIntentItemType: 'AzureResourceItem',
          backupManagementType: 'AzureIaasVM',
          friendlyName: 'web01',
          sourceResourceId: machinePath('web01'),
          itemId: `${VAULT}/backupFabrics/Azure/protectionContainers/IaasVMContainer;iaasvmcontainerv2;Shop;web01/protectedItems/vm;iaasvmcontainerv2;Shop;web01`,
          policyId,
          protectionState: 'Protecting',
        },
      },
    ],
  );
  assert.equal((await server.call('GET', itemPath('web01'))).body.properties.protectionState, 'IRPending');
  assert.deepEqual((await server.call('GET', INTENT.toLowerCase())).body, made.body);
  const again = await server.call('PUT', INTENT, body({ policyId: `${VAULT}/backupPolicies/EnhancedPolicy` }));
  assert.match(again.body.properties.policyId, /EnhancedPolicy$/);
});

test('intents are listed apart from machines that were protected without one; removing one stops nothing', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server, 'db01');
  await server.call('PUT', INTENT, body());
  const listed = async (query = '') => {
    const { value } = (await server.call('GET', `${VAULT}/backupProtectionIntents${query}`)).body;
    return value.map((one: { name: string }) => one.name);
  };
  assert.deepEqual(await listed(), [NAME]);
  assert.deepEqual(await listed("?$filter=backupManagementType eq 'AzureWorkload'"), []);
  assert.deepEqual(await listed("?$filter=itemType eq 'SQLInstance' and backupManagementType eq 'AzureWorkload'"), []);
  assert.equal((await server.call('DELETE', INTENT)).status, 204);
  assert.equal((await server.call('DELETE', INTENT)).status, 204);
  assert.deepEqual([(await server.call('GET', INTENT)).status, await listed()], [404, []]);
  assert.equal((await server.call('GET', itemPath('web01'))).body.properties.policyName, 'DefaultPolicy');
});

test('an intent shows a stopped machine as it is', async () => {
  await using server = await testServer();
  await makeVault(server);
  await server.call('PUT', INTENT, body());
  await putItem(server, 'web01', { policyId: '', protectionState: 'ProtectionStopped' });
  const { properties } = (await server.call('GET', INTENT)).body;
  assert.deepEqual([properties.protectionState, properties.policyId], ['Protected', '']);
  await server.call('DELETE', itemPath('web01'));
  assert.equal((await server.call('GET', INTENT)).body.properties.protectionState, 'NotProtected');
});

test('an intent names one machine, and asks for what its caller may do to it', async () => {
  await using server = await testServer();
  await makeVault(server);
  const other = await server.call('PUT', INTENT, body({ sourceResourceId: machinePath('db01') }));
  assert.deepEqual(
    [other.status, other.body.error.code, other.body.error.target],
    [400, 'BMSUserErrorInvalidConfigureProtectionRequest', 'properties.sourceResourceId'],
  );
  const kind = await server.call(
    'PUT',
    INTENT,
    body({ protectionIntentItemType: 'AzureWorkloadAutoProtectionIntent' }),
  );
  assert.match(kind.body.error.message, /AzureResourceItem/);
  server.denied.add('Microsoft.Compute/virtualMachines/write');
  assert.equal((await server.call('PUT', INTENT, body())).body.error.code, 'AuthorizationFailed');
});
