import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GROUP, makeVault, protect, VAULT } from './testing/paths.ts';
import { SUBSCRIPTION, testServer } from './testing/testServer.ts';

const GROUPS = `/subscriptions/${SUBSCRIPTION}/resourcegroups`;
const OFFICE = `${GROUPS}/Office`;
const NEW = { location: 'West Europe', tags: { floor: '3' } };

test('a group is made, read, changed and found; groups of machines are there by themselves', async () => {
  await using server = await testServer();
  const made = await server.call('PUT', OFFICE, NEW);
  assert.equal(made.status, 201);
  assert.deepEqual(made.body, {
    id: `/subscriptions/${SUBSCRIPTION}/resourceGroups/Office`,
    name: 'Office',
    type: 'Microsoft.Resources/resourceGroups',
    location: 'westeurope',
    tags: { floor: '3' },
    properties: { provisioningState: 'Succeeded' },
  });
  assert.equal((await server.call('PUT', OFFICE.toLowerCase(), { ...NEW, tags: {} })).status, 200);
  const tagged = await server.call('PATCH', OFFICE, { tags: { floor: '4' } });
  assert.deepEqual([tagged.body.name, tagged.body.tags], ['Office', { floor: '4' }]);
  const names = async (query = '') =>
    (await server.call('GET', `${GROUPS}${query}`)).body.value.map((group: { name: string }) => group.name);
  assert.deepEqual(await names(), ['Office', 'Shop']);
  assert.deepEqual(await names("?$filter=tagName eq 'floor' and tagValue eq '4'"), ['Office']);
  assert.equal((await server.call('HEAD', OFFICE)).status, 204);
  assert.equal((await server.call('HEAD', `${GROUPS}/None`)).status, 404);
  assert.equal((await server.call('GET', `${GROUPS}/shop`)).body.name, 'Shop');
});

test('deleting a group takes its empty vaults along and is polled to 200', async () => {
  await using server = await testServer();
  await server.call('PUT', OFFICE, NEW);
  await makeVault(server, `${OFFICE}/providers/Microsoft.RecoveryServices/vaults/paper`);
  const accepted = await server.call('DELETE', OFFICE);
  assert.equal(accepted.status, 202);
  await server.services.work.idle();
  assert.equal((await server.call('GET', accepted.headers.location ?? '')).status, 200);
  assert.equal((await server.call('GET', OFFICE)).body.error.code, 'ResourceGroupNotFound');
  assert.equal(server.stores.size, 0);
});

test('a group with machines or with a vault in use stays whole', async () => {
  await using server = await testServer();
  const machines = await server.call('DELETE', GROUP);
  assert.deepEqual([machines.status, machines.body.error.code], [409, 'ResourceGroupDeletionBlocked']);
  assert.match(machines.body.error.message, /db01, web01/);
  await makeVault(server);
  await protect(server);
  server.machines.length = 0;
  await server.call('PUT', GROUP, { location: 'westeurope' });
  const vaults = await server.call('DELETE', GROUP);
  assert.equal(vaults.body.error.details[0].code, 'ServiceResourceNotEmptyWithContainerDetails');
  assert.equal((await server.call('GET', VAULT)).status, 200);
});

test('a group does not move, and its body is checked', async () => {
  await using server = await testServer();
  const moved = await server.call('PUT', GROUP, { location: 'eastus' });
  assert.deepEqual([moved.status, moved.body.error.code], [409, 'InvalidResourceGroupLocation']);
  const nowhere = await server.call('PUT', OFFICE, {});
  assert.deepEqual([nowhere.status, nowhere.body.error.target], [400, 'location']);
  const tags = await server.call('PUT', OFFICE, { ...NEW, tags: { floor: 3 } });
  assert.equal(tags.body.error.target, 'tags.floor');
});

test('resources of all types are listed for the subscription and for a group, by type, name and tag', async () => {
  await using server = await testServer();
  await makeVault(server);
  await server.call('PATCH', VAULT, { tags: { floor: '3', wing: 'east' } });
  const names = async (path: string) =>
    (await server.call('GET', path)).body.value.map((one: { name: string }) => one.name);
  const all = `/subscriptions/${SUBSCRIPTION}/resources`;
  assert.deepEqual(await names(all), ['safe', 'db01', 'web01']);
  assert.deepEqual(
    await names(`${all}?$filter=resourceType eq 'Microsoft.Compute/virtualMachines' and name eq 'DB01'`),
    ['db01'],
  );
  assert.deepEqual(await names(`${GROUP}/resources?$filter=tagName eq 'wing' and tagValue eq 'east'`), ['safe']);
  assert.deepEqual(await names(`${GROUP}/resources?$filter=tagName eq 'wing' and tagValue eq '3'`), []);
  assert.deepEqual(await names(`${GROUP}/resources?$filter=resourceGroup eq 'office'`), []);
});
