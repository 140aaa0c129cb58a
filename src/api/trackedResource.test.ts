import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SUBSCRIPTION, testServer } from './testing/testServer.ts';

const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/Shop`;
const NETWORKS = `${GROUP}/providers/Microsoft.Network/virtualNetworks`;
const BODY = { location: 'West Europe', properties: { addressSpace: { addressPrefixes: ['10.1.0.0/16'] } } };

test('a tracked resource is made, read without regard to case, listed, replaced and deleted', async () => {
  await using server = await testServer();
  const made = await server.call('PUT', `${NETWORKS}/Front`, { ...BODY, tags: { a: '1' } });
  assert.equal(made.status, 201);
  assert.equal(made.body.id, `${NETWORKS}/Front`);
  assert.equal(made.body.location, 'westeurope');
  assert.deepEqual(made.body.tags, { a: '1' });
  assert.equal((await server.call('PUT', `${NETWORKS.toLowerCase()}/front`, BODY)).status, 200);
  const read = await server.call('GET', `${NETWORKS}/FRONT`);
  assert.equal(read.body.name, 'Front');
  assert.deepEqual(read.body.tags, {});
  for (const list of [NETWORKS, `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Network/virtualNetworks`]) {
    const { body } = await server.call('GET', list);
    assert.deepEqual(
      body.value.map(({ name }: { name: string }) => name),
      ['Front'],
    );
  }
  assert.equal((await server.call('DELETE', `${NETWORKS}/front`)).status, 200);
  assert.equal((await server.call('DELETE', `${NETWORKS}/front`)).status, 204);
  const gone = await server.call('GET', `${NETWORKS}/front`);
  assert.deepEqual([gone.status, gone.body.error.code], [404, 'ResourceNotFound']);
});

test('region, group, name and body of a tracked resource are checked', async () => {
  await using server = await testServer();
  const codeOf = async (path: string, body: object) => (await server.call('PUT', path, body)).body.error?.code;
  assert.equal(await codeOf(`${NETWORKS}/a`, { ...BODY, location: undefined }), 'LocationRequired');
  assert.equal(await codeOf(`${NETWORKS}/a`, { ...BODY, location: 'mars' }), 'LocationNotAvailableForResourceType');
  assert.equal(await codeOf(`${NETWORKS}/a`, { ...BODY, colour: 'red' }), 'InvalidRequestContent');
  assert.equal(await codeOf(`${NETWORKS.replace('Shop', 'None')}/a`, BODY), 'ResourceGroupNotFound');
  const identities = `${GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities`;
  assert.equal(await codeOf(`${identities}/-a`, { location: 'westeurope' }), 'InvalidResourceName');
  server.denied.add('Microsoft.Network/virtualNetworks/write');
  assert.equal(await codeOf(`${NETWORKS}/a`, BODY), 'AuthorizationFailed');
});

test('a patch changes tags, and properties only where the type says so', async () => {
  await using server = await testServer();
  await server.call('PUT', `${NETWORKS}/front`, { ...BODY, tags: { a: '1' } });
  const patched = await server.call('PATCH', `${NETWORKS}/front`, { tags: { b: '2' } });
  assert.deepEqual(patched.body.tags, { b: '2' });
  assert.deepEqual(patched.body.properties.addressSpace, { addressPrefixes: ['10.1.0.0/16'] });
  const refused = await server.call('PATCH', `${NETWORKS}/front`, { properties: { subnets: [] } });
  assert.equal(refused.body.error.code, 'PropertyChangeNotAllowed');
  assert.equal((await server.call('PATCH', `${NETWORKS}/none`, { tags: {} })).status, 404);
});

test('lists of tracked resources go on page by page, and all types stand among the resources', async () => {
  await using server = await testServer();
  for (const name of ['a', 'b', 'c']) await server.call('PUT', `${NETWORKS}/${name}`, BODY);
  const first = await server.call('GET', `${NETWORKS}?$top=2`);
  const second = await server.call('GET', first.body.nextLink);
  const names = [...first.body.value, ...second.body.value].map(({ name }) => name);
  assert.deepEqual(names, ['a', 'b', 'c']);
  assert.equal(second.body.nextLink, undefined);
  const all = await server.call(
    'GET',
    `${GROUP}/resources?$filter=resourceType eq 'Microsoft.Network/virtualNetworks'`,
  );
  assert.deepEqual(
    all.body.value.map(({ name }: { name: string }) => name),
    ['a', 'b', 'c'],
  );
});

test('an identity keeps its ids when it is put again', async () => {
  await using server = await testServer();
  const path = `${GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/backup-id`;
  const made = await server.call('PUT', path, { location: 'westeurope' });
  const again = await server.call('PUT', path, { location: 'westeurope', tags: { a: 'b' } });
  assert.deepEqual(again.body.properties, made.body.properties);
  assert.match(made.body.properties.principalId, /^[0-9a-f-]{36}$/);
  assert.notEqual(made.body.properties.principalId, made.body.properties.clientId);
});
