import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SUBSCRIPTION, type TestServer, testServer } from '../testing/testServer.ts';

const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/Shop`;
const DEPLOYMENT = `${GROUP}/providers/Microsoft.Resources/deployments/first`;
const NETWORK = `${GROUP}/providers/Microsoft.Network/virtualNetworks`;

const network = (name: string, more: object = {}) => ({
  ...{ type: 'Microsoft.Network/virtualNetworks', apiVersion: '2022-01-01', name, location: 'westeurope' },
  properties: { addressSpace: { addressPrefixes: ['10.2.0.0/16'] } },
  ...more,
});
const body = (resources: object[]) => ({ properties: { mode: 'Incremental', template: { resources } } });

const deploy = async (server: TestServer, resources: object[]) => {
  const begun = await server.call('PUT', DEPLOYMENT, body(resources));
  await server.services.work.idle();
  const polled = await server.call('GET', begun.headers['azure-asyncoperation'] ?? '');
  return { begun, polled: polled.body };
};

test('a deployment is made, read, listed, replaced and forgotten; its resources stay', async () => {
  await using server = await testServer();
  const { begun, polled } = await deploy(server, [network('a')]);
  assert.deepEqual([begun.status, polled.status], [201, 'Succeeded']);
  const { body: read } = await server.call('GET', DEPLOYMENT);
  assert.equal(read.properties.provisioningState, 'Succeeded');
  assert.deepEqual(read.properties.outputResources, [{ id: `${NETWORK}/a` }]);
  assert.equal((await server.call('HEAD', DEPLOYMENT)).status, 204);
  assert.equal((await server.call('GET', `${GROUP}/providers/Microsoft.Resources/deployments`)).body.value.length, 1);
  assert.equal((await deploy(server, [network('a')])).begun.status, 200);
  assert.equal((await server.call('POST', `${DEPLOYMENT}/cancel`)).body.error.code, 'Conflict');
  assert.equal((await server.call('DELETE', DEPLOYMENT)).status, 204);
  assert.equal((await server.call('GET', DEPLOYMENT)).body.error.code, 'DeploymentNotFound');
  assert.equal((await server.call('GET', `${NETWORK}/a`)).status, 200);
});

test('az sends the text of a template as it stands, and asks for its operations without a provider', async () => {
  await using server = await testServer();
  const template = `{ // by hand
    resources: [${JSON.stringify(network('a'))},], /* the end */ }`;
  const answer = await server.app.inject({
    ...{ method: 'PUT', url: `${DEPLOYMENT}?api-version=2022-09-01` },
    headers: { authorization: 'Bearer x', 'content-type': 'application/json' },
    payload: `{"properties": {"mode": "Incremental", template:${template}}}`,
  });
  assert.equal(answer.statusCode, 201, answer.body);
  await server.services.work.idle();
  const { body } = await server.call('GET', `${GROUP}/deployments/first/operations`);
  assert.deepEqual(
    body.value
      .map((one: { properties: object }) => one.properties)
      .map((one: { provisioningState?: string }) => one.provisioningState),
    ['Succeeded'],
  );
  const other = await server.app.inject({
    ...{ method: 'PUT', url: `${NETWORK}/b?api-version=2022-09-01` },
    headers: { authorization: 'Bearer x', 'content-type': 'application/json' },
    payload: '{location: "westeurope"}',
  });
  assert.equal(other.statusCode, 400, 'what is no template is JSON');
});

test('each resource needs the permission that it needs by itself', async () => {
  await using server = await testServer();
  server.denied.add('Microsoft.Network/virtualNetworks/write');
  const refused = await server.call('PUT', DEPLOYMENT, body([network('a')]));
  assert.equal(refused.body.error.code, 'InvalidTemplateDeployment');
  assert.equal(refused.body.error.details[0].code, 'AuthorizationFailed');
  server.denied.clear();
  assert.equal((await server.call('GET', `${NETWORK}/a`)).status, 404);
});

test('what a template may not name is told before anything is made', async () => {
  await using server = await testServer();
  const refuse = async (resources: object[]) =>
    (await server.call('POST', `${DEPLOYMENT}/validate`, body(resources))).body;
  const unknown = await refuse([network('a'), network('b', { type: 'Microsoft.Network/loadBalancers' })]);
  assert.equal(unknown.error.details[0].code, 'InvalidResourceType');
  assert.equal(
    (await refuse([network('b', { type: 'Contoso.Widgets/widgets' })])).error.details[0].code,
    'InvalidResourceNamespace',
  );
  assert.equal((await refuse([network('b', { colour: 1 })])).error.details[0].code, 'InvalidRequestContent');
  assert.equal((await refuse([network('b', { apiVersion: 'x' })])).error.details[0].code, 'InvalidApiVersionParameter');
  assert.equal((await refuse([network('a')])).properties.provisioningState, 'Succeeded');
  const complete = await server.call('PUT', DEPLOYMENT, { properties: { mode: 'Complete', template: {} } });
  assert.match(complete.body.error.message, /nothing is deleted by a deployment/);
});

test('a deployment ends at the first resource that fails, and tells why', async () => {
  await using server = await testServer();
  const subnet = (prefix: string) => ({
    addressSpace: {},
    subnets: [{ name: 's', properties: { addressPrefix: prefix } }],
  });
  const bad = network('b', { properties: subnet('10.2.0.1/24'), dependsOn: ['a'] });
  const { polled } = await deploy(server, [network('a'), bad, network('c', { dependsOn: ['b'] })]);
  assert.deepEqual([polled.status, polled.error.code], ['Failed', 'DeploymentFailed']);
  assert.deepEqual(
    [polled.error.details[0].code, polled.error.details[0].target],
    ['InvalidRequestFormat', `${NETWORK}/b`],
  );
  const steps = (await server.call('GET', `${DEPLOYMENT}/operations`)).body.value;
  assert.deepEqual(
    steps.map((step: { properties: { provisioningState: string } }) => step.properties.provisioningState),
    ['Succeeded', 'Failed'],
  );
  assert.equal((await server.call('GET', `${NETWORK}/c`)).status, 404);
});

test('a group is deleted with all it holds, in the order of need, while nothing new comes in', async () => {
  await using server = await testServer();
  const group = `/subscriptions/${SUBSCRIPTION}/resourceGroups/temp`;
  const nets = `${group}/providers/Microsoft.Network`;
  await server.call('PUT', group, { location: 'westeurope' });
  const properties = { subnets: [{ name: 's', properties: { addressPrefix: '10.3.0.0/24' } }] };
  await server.call('PUT', `${nets}/virtualNetworks/a`, { location: 'westeurope', properties });
  const subnet = { id: `${nets}/virtualNetworks/a/subnets/s` };
  const card = { location: 'westeurope', properties: { ipConfigurations: [{ properties: { subnet } }] } };
  assert.equal((await server.call('PUT', `${nets}/networkInterfaces/n`, card)).status, 201);
  assert.equal(
    (await server.call('DELETE', `${nets}/virtualNetworks/a`)).body.error.code,
    'InUseSubnetCannotBeDeleted',
  );
  const outside = `${GROUP}/providers/Microsoft.Network/networkInterfaces/m`;
  await server.call('PUT', outside, card);
  const blocked = await server.call('DELETE', group);
  assert.equal(blocked.body.error.code, 'ResourceGroupDeletionBlocked');
  assert.equal((await server.call('GET', `${nets}/networkInterfaces/n`)).status, 200);
  await server.call('DELETE', outside);
  const begun = await server.call('DELETE', group);
  assert.equal(begun.status, 202);
  await server.services.work.idle();
  assert.equal((await server.call('GET', begun.headers.location ?? '')).status, 200);
  assert.equal((await server.call('HEAD', group)).status, 404);
  const rows = await server.db.queries.selectFrom('arm_resources').select('id_key').execute();
  assert.deepEqual(rows, []);
});

test('addresses of a subnet are given in order, kept, and never twice', async () => {
  await using server = await testServer();
  const nets = `${GROUP}/providers/Microsoft.Network`;
  const properties = { subnets: [{ name: 's', properties: { addressPrefix: '10.4.0.0/29' } }] };
  await server.call('PUT', `${nets}/virtualNetworks/a`, { location: 'westeurope', properties });
  const subnet = { id: `${nets}/virtualNetworks/a/subnets/s` };
  const put = async (name: string, more: object = {}) => {
    const configuration = { properties: { subnet, ...more } };
    const body = { location: 'westeurope', properties: { ipConfigurations: [configuration] } };
    const answer = (await server.call('PUT', `${nets}/networkInterfaces/${name}`, body)).body;
    return answer.error?.code ?? answer.properties.ipConfigurations[0].properties.privateIPAddress;
  };
  assert.equal(await put('a'), '10.4.0.4');
  assert.equal(await put('b', { privateIPAllocationMethod: 'Static', privateIPAddress: '10.4.0.6' }), '10.4.0.6');
  assert.equal(await put('c'), '10.4.0.5');
  assert.equal(await put('a'), '10.4.0.4');
  assert.equal(await put('d'), 'SubnetIsFull');
  const static_ = (privateIPAddress: string) => put('d', { privateIPAllocationMethod: 'Static', privateIPAddress });
  assert.equal(await static_('10.4.0.6'), 'PrivateIPAddressInUse');
  assert.equal(await static_('10.4.0.3'), 'PrivateIPAddressNotInSubnet');
  assert.equal(await put('e', { subnet: { id: `${subnet.id}x` } }), 'InvalidResourceReference');
});
