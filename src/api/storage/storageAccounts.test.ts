import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GROUP } from '../testing/paths.ts';
import { SUBSCRIPTION, type TestServer, testServer } from '../testing/testServer.ts';

const ACCOUNTS = `${GROUP}/providers/Microsoft.Storage/storageAccounts`;
const VERSION = '2022-09-01';
const BODY = {
  location: 'westeurope',
  sku: { name: 'Standard_LRS' },
  kind: 'StorageV2',
  properties: { accessTier: 'Hot' },
};
const put = (server: TestServer, name: string, more: object = {}, group = ACCOUNTS) =>
  server.call('PUT', `${group}/${name}`, { ...BODY, ...more }, VERSION);

test('an account is made as az makes it, shown, listed, changed and deleted', async () => {
  await using server = await testServer();
  const made = await put(server, 'staging01', { tags: { for: 'restores' } });
  assert.equal(made.status, 200, JSON.stringify(made.body));
  assert.equal(made.body.properties.primaryEndpoints.blob, 'https://staging01.blob.vault.example:8443/');
  assert.deepEqual([made.body.properties.provisioningState, made.body.sku.tier], ['Succeeded', 'Standard']);
  const old = await server.call('GET', `${ACCOUNTS}//staging01`, undefined, '2016-01-01');
  assert.equal(old.body.id, `${ACCOUNTS}/staging01`);
  assert.doesNotMatch(JSON.stringify(old.body), /secret|==/);
  const listed = await server.call(
    'GET',
    `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Storage/storageAccounts`,
    undefined,
    VERSION,
  );
  assert.deepEqual(
    listed.body.value.map(({ name }: { name: string }) => name),
    ['staging01'],
  );
  const patched = await server.call(
    'PATCH',
    `${ACCOUNTS}/staging01`,
    { tags: {}, properties: { allowSharedKeyAccess: false } },
    VERSION,
  );
  assert.deepEqual([patched.status, patched.body.properties.allowSharedKeyAccess], [200, false]);
  server.asked.length = 0;
  assert.equal((await server.call('DELETE', `${ACCOUNTS}/staging01`, undefined, VERSION)).status, 200);
  assert.deepEqual(server.asked, [{ call: 'removeData', values: ['staging01'] }]);
  assert.equal((await server.call('GET', `${ACCOUNTS}/staging01`, undefined, VERSION)).status, 404);
});

test('keys are told to those who may list them, stay over changes, and are made anew one by one', async () => {
  await using server = await testServer();
  await put(server, 'staging01');
  const keys = async () =>
    (await server.call('POST', `${ACCOUNTS}/staging01/listKeys?$expand=kerb`, undefined, VERSION)).body.keys as {
      keyName: string;
      value: string;
    }[];
  const [first, second] = await keys();
  assert.deepEqual([first?.keyName, second?.keyName], ['key1', 'key2']);
  assert.equal(Buffer.from(first!.value, 'base64').length, 64);
  await put(server, 'staging01', { tags: { a: 'b' } });
  assert.deepEqual(await keys(), [first, second]);
  await server.call('POST', `${ACCOUNTS}/staging01/regenerateKey`, { keyName: 'key1' }, VERSION);
  const [changed, kept] = await keys();
  assert.notEqual(changed!.value, first!.value);
  assert.deepEqual(kept, second);
  server.denied.add('Microsoft.Storage/storageAccounts/listKeys/action');
  assert.equal((await server.call('POST', `${ACCOUNTS}/staging01/listKeys`, undefined, VERSION)).status, 403);
});

test('names are those of the whole server', async () => {
  await using server = await testServer();
  await put(server, 'staging01');
  const lab = GROUP.replace('Shop', 'Lab');
  await server.call('PUT', lab, { location: 'westeurope' }, '2021-04-01');
  const taken = await put(server, 'staging01', {}, ACCOUNTS.replace('Shop', 'Lab'));
  assert.deepEqual([taken.status, taken.body.error.code], [409, 'StorageAccountAlreadyTaken']);
  assert.equal((await put(server, 'Staging-1')).body.error.code, 'AccountNameInvalid');
  const check = async (name: string) =>
    (
      await server.call(
        'POST',
        `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Storage/checkNameAvailability`,
        { name, type: 'Microsoft.Storage/storageAccounts' },
        VERSION,
      )
    ).body;
  assert.deepEqual(await check('other02'), { nameAvailable: true });
  assert.equal((await check('staging01')).reason, 'AlreadyExists');
  assert.equal((await check('no')).reason, 'AccountNameInvalid');
});

test('what would be believed to hold, and would not, is refused', async () => {
  await using server = await testServer();
  const cases: [object, string][] = [
    [{ properties: { isHnsEnabled: true } }, 'properties.isHnsEnabled'],
    [{ properties: { networkAcls: { defaultAction: 'Deny' } } }, 'properties.networkAcls.defaultAction'],
    [{ properties: { publicNetworkAccess: 'Disabled' } }, 'properties.publicNetworkAccess'],
    [{ properties: { encryption: { keySource: 'Microsoft.Keyvault' } } }, 'properties.encryption.keySource'],
    [{ kind: 'FileStorage' }, 'kind'],
  ];
  for (const [more, target] of cases) {
    const { status, body } = await put(server, 'staging01', more);
    assert.deepEqual([status, body.error.code, body.error.target], [400, 'InvalidRequestContent', target]);
  }
  const classic = ACCOUNTS.replace('Microsoft.Storage', 'Microsoft.ClassicStorage');
  const absent = await server.call('GET', `${classic}//staging01`, undefined, '2015-12-01');
  assert.deepEqual([absent.status, absent.body.error.code], [404, 'ResourceNotFound']);
});
