import assert from 'node:assert/strict';
import { test } from 'node:test';
import { armSurface } from '../arm/surface.ts';
import { resourceProviders } from './resourceProviders.ts';
import { GROUP, makeVault } from './testing/paths.ts';
import { SUBSCRIPTION, TENANT, testServer } from './testing/testServer.ts';

test('subscription, tenant, location and providers', async () => {
  await using server = await testServer();
  const list = async (path: string) => (await server.call('GET', path)).body.value;
  assert.deepEqual(await list('/Subscriptions'), [
    {
      id: `/subscriptions/${SUBSCRIPTION}`,
      subscriptionId: SUBSCRIPTION,
      tenantId: TENANT,
      homeTenantId: TENANT,
      displayName: 'Strongroom',
      state: 'Enabled',
      managedByTenants: [],
    },
  ]);
  assert.equal((await list('/tenants'))[0].tenantId, TENANT);
  assert.equal((await list(`/subscriptions/${SUBSCRIPTION}/locations`))[0].name, 'westeurope');
  const providers = await list(`/subscriptions/${SUBSCRIPTION}/providers`);
  const vaults = providers.find((one: { namespace: string }) => one.namespace === 'Microsoft.RecoveryServices');
  assert.equal(vaults.registrationState, 'Registered');
  assert.ok(vaults.resourceTypes.some((type: { resourceType: string }) => type.resourceType === 'vaults'));
  const registered = await server.call(
    'POST',
    `/subscriptions/${SUBSCRIPTION}/providers/microsoft.recoveryservices/register`,
  );
  assert.equal(registered.body.registrationState, 'Registered');
  const unknown = await server.call('POST', `/subscriptions/${SUBSCRIPTION}/providers/Nobody.Wine/register`);
  assert.equal(unknown.body.error.code, 'NotFound');
});

test('another subscription is not found', async () => {
  await using server = await testServer();
  const other = SUBSCRIPTION.replace('1111', '2222');
  for (const path of [
    '',
    '/providers/Microsoft.RecoveryServices/vaults',
    '/resourcegroups',
    '/providers/Microsoft.Compute/virtualMachines',
  ]) {
    const { status, body } = await server.call('GET', `/subscriptions/${other}${path}`);
    assert.deepEqual([status, body.error.code], [404, 'SubscriptionNotFound'], path);
  }
});

test('what az looks for before a restore is answered with not found', async () => {
  await using server = await testServer();
  for (const [type, version] of [
    ['Microsoft.ClassicStorage/storageAccounts//staging', '2015-12-01'],
    ['Microsoft.Storage/storageAccounts//staging', '2016-01-01'],
    ['Microsoft.Network/virtualNetworks//lan', '2019-11-01'],
  ] as const) {
    const { status, body } = await server.call('GET', `${GROUP}/providers/${type}`, undefined, version);
    assert.deepEqual([status, body.error.code], [404, 'ResourceNotFound'], type);
  }
});

test('a vault name is free, taken or illegal', async () => {
  await using server = await testServer();
  await makeVault(server);
  const path = `${GROUP}/providers/Microsoft.RecoveryServices/locations/westeurope/checkNameAvailability`;
  const check = async (name: string) => {
    const { body } = await server.call('POST', path, { type: 'Microsoft.RecoveryServices/vaults', name });
    return [body.nameAvailable, body.reason];
  };
  assert.deepEqual(await check('other'), [true, undefined]);
  assert.deepEqual(await check('SAFE'), [false, 'AlreadyExists']);
  assert.deepEqual(await check('-'), [false, 'Invalid']);
});

test('every action stands once in the list of operations, and every route in the surface', async () => {
  await using server = await testServer();
  const { body } = await server.call('GET', '/providers/Microsoft.RecoveryServices/operations');
  const names: string[] = body.value.map((operation: { name: string }) => operation.name.toLowerCase());
  assert.equal(new Set(names).size, names.length);
  assert.ok(
    names.includes('microsoft.recoveryservices/vaults/backupfabrics/protectioncontainers/protecteditems/backup/action'),
  );
  const tables = resourceProviders(server.services);
  const surface = armSurface(tables);
  for (const table of tables) assert.ok(surface.includes(table.type));
  const keys = tables.flatMap((table) =>
    table.routes.map((route) => `${route.method} ${route.path.toLowerCase().replace(/\{\w+\}/g, '*')}`),
  );
  assert.equal(new Set(keys).size, keys.length);
});
