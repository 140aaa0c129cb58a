import assert from 'node:assert/strict';
import { test } from 'node:test';
import { itemPath, machinePath, makeVault, protect, VAULT } from './testing/paths.ts';
import { machine, testServer } from './testing/testServer.ts';

const containerOf = (name: string) => itemPath(name).split('/protectedItems/')[0] ?? '';
const CONTAINER = containerOf('web01');
const body = (more: object = {}) => ({
  properties: { containerType: 'Microsoft.Compute/virtualMachines', backupManagementType: 'AzureIaasVM', ...more },
});

test('registering a container tells how its machine stands', async () => {
  await using server = await testServer();
  await makeVault(server);
  const state = async (path: string) => {
    const { status, body: shown } = await server.call('PUT', path, body({ sourceResourceId: machinePath('web01') }));
    return [status, shown.properties?.registrationStatus ?? shown.error.code];
  };
  assert.deepEqual(await state(CONTAINER), [200, 'NotRegistered']);
  assert.equal((await server.call('GET', CONTAINER)).status, 404, 'nothing was made');
  await protect(server);
  assert.deepEqual(await state(CONTAINER), [200, 'Registered']);
  await server.call('DELETE', itemPath('web01'));
  assert.deepEqual(await state(CONTAINER), [200, 'SoftDeleted']);
});

test('what cannot be registered is refused by its own code', async () => {
  await using server = await testServer();
  await makeVault(server);
  server.machines.push(machine('far01', { location: 'northpole' }));
  const put = async (path: string, sent: object) => {
    const { status, body: answer } = await server.call('PUT', path, sent);
    return [status, answer.error?.code];
  };
  const invalid = [400, 'BMSUserErrorInvalidConfigureProtectionRequest'];
  assert.deepEqual(await put(CONTAINER, body({ sourceResourceId: machinePath('db01') })), invalid);
  assert.deepEqual(await put(containerOf('far01'), body()), invalid);
  assert.deepEqual(await put(containerOf('none'), body()), [400, 'BCMV2VMNotFound']);
  assert.deepEqual(await put(CONTAINER, body({ containerType: 'StorageContainer' })), [400, 'InvalidRequestContent']);
  const format = [400, 'BMSUserErrorContainerNameIncorrectFormat'];
  assert.deepEqual(await put(`${VAULT}/backupFabrics/Azure/protectionContainers/web01`, body()), format);
});

test('a container with an item is not unregistered, deleted or not', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server);
  const refused = await server.call('DELETE', CONTAINER);
  assert.deepEqual([refused.status, refused.body.error.code], [400, 'BMSUserErrorContainerHasDatasources']);
  await server.call('DELETE', itemPath('web01'));
  assert.match((await server.call('DELETE', CONTAINER)).body.error.message, /soft-deleted/);
  assert.equal((await server.call('DELETE', containerOf('db01'))).status, 204);
});

test('an inquiry is polled to its end', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server);
  const asked = await server.call('POST', `${CONTAINER}/inquire`);
  assert.equal(asked.status, 202);
  assert.equal((await server.call('GET', asked.headers.location ?? '')).status, 204);
  assert.equal((await server.call('POST', `${containerOf('db01')}/inquire`)).status, 404);
});
