import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordEndedJob } from '../db/jobs.ts';
import { GROUP, makeVault, protect, VAULT } from './testing/paths.ts';
import { type TestServer, testServer } from './testing/testServer.ts';

const CONFIG = `${VAULT}/backupEncryptionConfigs/backupResourceEncryptionConfig`;
const [FIRST, SECOND] = ['https://keys.example/keys/shop/1', 'https://keys.example/keys/shop/2'];

const own = (keyUri: string) => ({ present: { isServerMade: false, keyUri } });
const put = (server: TestServer, properties: object) => server.call('PUT', CONFIG, { properties });
const patch = (server: TestServer, keyUri: string) =>
  server.call('PATCH', VAULT, { properties: { encryption: { keyVaultProperties: { keyUri } } } });
const status = async (server: TestServer) => (await server.call('GET', CONFIG)).body.properties;

test('a key that the operator gave to all new vaults is shown from the start', async () => {
  await using server = await testServer();
  Object.assign(server.keyNames, own(FIRST));
  await makeVault(server);
  assert.deepEqual(await status(server), {
    encryptionAtRestType: 'CustomerManaged',
    keyUri: FIRST,
    infrastructureEncryptionState: 'Disabled',
    lastUpdateStatus: 'Succeeded',
  });
  const vault = (await server.call('GET', VAULT)).body.properties.encryption;
  assert.deepEqual(vault, { keyVaultProperties: { keyUri: FIRST }, infrastructureEncryption: 'Disabled' });
});

test('a key that was made ready for the vault is taken into use by a job, through either provider', async () => {
  for (const ask of [
    patch,
    (server: TestServer, keyUri: string) => put(server, { encryptionAtRestType: 'CustomerManaged', keyUri }),
  ]) {
    await using server = await testServer();
    await makeVault(server);
    Object.assign(server.keyNames, { next: { keyUri: FIRST } });
    assert.equal((await ask(server, FIRST)).status, 200);
    const [asked] = server.asked;
    assert.deepEqual([asked?.call, asked?.values[1]], ['requestHousekeeping', 'RotateKeys']);
    assert.equal((await status(server)).lastUpdateStatus, 'Initialized');
    Object.assign(server.keyNames, { ...own(FIRST), next: undefined });
    assert.equal((await status(server)).lastUpdateStatus, 'Succeeded');
    assert.equal((await ask(server, FIRST)).status, 200, 'the same again');
    assert.equal(server.asked.length, 1, 'asks for no second job');
  }
});

test('a rotation that failed is shown as failed', async () => {
  await using server = await testServer();
  await makeVault(server);
  Object.assign(server.keyNames, { next: { keyUri: FIRST } });
  await patch(server, FIRST);
  await server.db.queries.deleteFrom('jobs').execute();
  const [vaultId = ''] = server.stores;
  const now = server.clock.now();
  const job = { vaultId, operation: 'RotateKeys', entityFriendlyName: 'safe', isUserTriggered: true } as const;
  await recordEndedJob(
    server.db.queries,
    { ...job, startedBy: 'o', startTime: now },
    { status: 'Failed', endTime: now },
  );
  assert.equal((await status(server)).lastUpdateStatus, 'Failed');
});

test('what cannot be true is refused, with the way to make it true', async () => {
  await using server = await testServer();
  await makeVault(server);
  const refused = async (answer: Promise<{ status: number; body: { error: { code: string; message: string } } }>) => {
    const { status: code, body } = await answer;
    assert.deepEqual([code, body.error?.code], [400, 'BMSUserErrorEncryptionSettingsInvalid'], JSON.stringify(body));
    return body.error.message;
  };
  assert.match(await refused(put(server, { encryptionAtRestType: 'CustomerManaged', keyUri: FIRST })), /none as yet/);
  assert.match(await refused(put(server, { encryptionAtRestType: 'CustomerManaged' })), /uri/);
  const twice = { encryptionAtRestType: 'CustomerManaged', keyUri: FIRST, infrastructureEncryptionState: 'Enabled' };
  assert.match(await refused(put(server, twice)), /infrastructureEncryption/);
  assert.equal((await put(server, { encryptionAtRestType: 'MicrosoftManaged' })).status, 200, 'as it is');
  await protect(server);
  Object.assign(server.keyNames, { next: { keyUri: FIRST } });
  assert.match(await refused(patch(server, FIRST)), /before the first item is registered/);
  assert.equal(server.asked.length, 0);
});

test('a vault with a key of its own takes another, but never goes back', async () => {
  await using server = await testServer();
  Object.assign(server.keyNames, own(FIRST));
  await makeVault(server);
  await protect(server);
  const back = await put(server, { encryptionAtRestType: 'MicrosoftManaged' });
  assert.match(back.body.error.message, /not possible to disable it/);
  assert.match((await patch(server, SECOND)).body.error.message, /Legal: 'https:\/\/keys.example\/keys\/shop\/1'/);
  Object.assign(server.keyNames, { next: { keyUri: SECOND } });
  assert.equal((await patch(server, SECOND)).status, 200, 'also with items');
  assert.equal((await status(server)).keyUri, SECOND);
});

test('a vault moves to another group with all that is in it', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server);
  const office = GROUP.replace('Shop', 'Office');
  await server.call('PUT', office, { location: 'westeurope' });
  const move = (path: string, body: object) => server.call('POST', `${path}/moveResources`, body);
  const body = { resources: [VAULT], targetResourceGroup: office };
  assert.equal((await server.call('POST', `${GROUP}/validateMoveResources`, body)).status, 202);
  assert.equal((await server.call('GET', VAULT)).status, 200, 'asking moves nothing');
  const disk = `${GROUP}/providers/Microsoft.Compute/disks/d`;
  assert.match((await move(GROUP, { ...body, resources: [disk] })).body.error.message, /only vaults/);
  assert.equal((await move(GROUP, { ...body, targetResourceGroup: GROUP })).body.error.code, 'BadRequest');
  assert.equal((await move(GROUP, { ...body, resources: [`${VAULT}x`] })).body.error.code, 'ResourceNotFound');
  const scope = { scope_key: VAULT.toLowerCase(), principal_id: 'p', body: '{}' };
  await server.db.queries
    .insertInto('role_assignments')
    .values({ id: 'r', ...scope })
    .execute();
  const moved = await move(GROUP, body);
  const roles = await server.db.queries.selectFrom('role_assignments').select('id').execute();
  assert.equal(roles.length, 0, 'another vault of this name must not find them');
  assert.equal((await server.call('GET', moved.headers.location ?? '')).status, 204);
  assert.equal((await server.call('GET', VAULT)).status, 404);
  const there = VAULT.replace('Shop', 'Office');
  const { properties } = (await server.call('GET', there)).body;
  assert.deepEqual(
    [properties.moveState, properties.moveDetails.sourceResourceId, properties.moveDetails.targetResourceId],
    ['MoveSucceeded', VAULT, there],
  );
  const items = await server.call('GET', `${there}/backupProtectedItems`);
  assert.ok(items.body.value[0].id.startsWith(`${there}/`));
});

test('what agents leave with a vault is kept as it was sent', async () => {
  await using server = await testServer();
  await makeVault(server);
  const info = `${VAULT}/extendedInformation/vaultExtendedInfo`;
  assert.equal((await server.call('GET', info)).status, 404);
  await server.call('PUT', info, { properties: { integrityKey: 'a', algorithm: 'None' } });
  const changed = await server.call('PATCH', info, { properties: { encryptionKey: 'b' } });
  assert.deepEqual(changed.body.properties, { integrityKey: 'a', algorithm: 'None', encryptionKey: 'b' });
  assert.deepEqual((await server.call('GET', info)).body, changed.body);
});
