import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listItems } from '../db/items.ts';
import { getVault, updateVault } from '../db/vaults.ts';
import { GROUP, itemPath, makeVault, protect, putItem, VAULT } from './testing/paths.ts';
import { SUBSCRIPTION, type TestServer, testServer } from './testing/testServer.ts';

const PROVIDER = `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.RecoveryServices`;
const DELETED = `${PROVIDER}/locations/westeurope/deletedVaults`;
const DAY_MS = 24 * 60 * 60 * 1000;

/** A vault with one soft-deleted item, deleted; the name of the deleted vault. */
async function deletedVault(server: TestServer): Promise<string> {
  await makeVault(server);
  await protect(server);
  await server.call('DELETE', itemPath('web01'));
  const before = new Set((await list(server)).map(({ name }) => name));
  assert.equal((await server.call('DELETE', VAULT)).status, 202);
  return (await list(server)).find(({ name }) => !before.has(name))?.name ?? '';
}

const list = async (server: TestServer): Promise<readonly { name: string }[]> =>
  (await server.call('GET', DELETED)).body.value;

const undelete = (server: TestServer, name: string, group = GROUP) =>
  server.call('POST', `${DELETED}/${name}/undelete`, { properties: { recoveryResourceGroupId: group } });

test('a vault with soft-deleted items is soft-deleted, its store stays, and its name is free', async () => {
  await using server = await testServer();
  const name = await deletedVault(server);
  assert.deepEqual([...server.stores], [name]);
  assert.equal((await server.call('GET', VAULT)).body.error.code, 'ResourceNotFound');
  assert.deepEqual((await server.call('GET', `${PROVIDER}/vaults`)).body.value, []);
  const shown = await server.call('GET', `${DELETED}/${name}`);
  const at = server.clock.now();
  assert.deepEqual(shown.body, {
    id: `${DELETED}/${name}`,
    name,
    type: 'Microsoft.RecoveryServices/locations/deletedVaults',
    properties: {
      vaultId: VAULT,
      vaultDeletionTime: new Date(at).toISOString(),
      purgeAt: new Date(at + 14 * DAY_MS).toISOString(),
    },
  });
  assert.equal((await makeVault(server)).status, 201, 'a new vault of the same name');
  await server.call('DELETE', VAULT);
  assert.equal(server.stores.size, 1, 'an empty one goes at once');
});

test('two deleted vaults of one name stand side by side', async () => {
  await using server = await testServer();
  const [first, second] = [await deletedVault(server), await deletedVault(server)];
  assert.notEqual(first, second);
  assert.deepEqual((await list(server)).map(({ name }) => name).sort(), [first, second].sort());
});

test('an undeleted vault comes back with its items still deleted, and these are undeleted one by one', async () => {
  await using server = await testServer();
  await makeVault(server);
  await server.call('PATCH', VAULT, { tags: { team: 'a' }, identity: { type: 'SystemAssigned' } });
  await server.call('DELETE', VAULT);
  const name = await deletedVault(server);
  const accepted = await undelete(server, name);
  assert.equal(accepted.status, 202, JSON.stringify(accepted.body));
  const status = await server.call('GET', accepted.headers['azure-asyncoperation'] ?? '');
  assert.equal(status.body.status, 'Succeeded');
  assert.equal((await server.call('GET', accepted.headers.location ?? '')).status, 200);
  const vault = await server.call('GET', VAULT);
  assert.equal(vault.body.properties.strongroom.vaultId, name);
  assert.equal(vault.body.identity, undefined);
  const item = await server.call('GET', itemPath('web01'));
  assert.equal(item.body.properties.isScheduledForDeferredDelete, true);
  await putItem(server, 'web01', { policyId: '', isRehydrate: true, protectionState: 'ProtectionStopped' });
  const back = await server.call('GET', itemPath('web01'));
  assert.ok(!back.body.properties.isScheduledForDeferredDelete, JSON.stringify(back.body));
  assert.deepEqual(await list(server), []);
  assert.equal((await undelete(server, name)).status, 404, 'once');
});

test('a vault comes back into another group, and only where its name is free', async () => {
  await using server = await testServer();
  const name = await deletedVault(server);
  await makeVault(server);
  const taken = await undelete(server, name);
  assert.deepEqual([taken.status, taken.body.error.code], [409, 'VaultNameNotUnique']);
  await server.call('DELETE', VAULT);
  const office = GROUP.replace('Shop', 'Office');
  assert.equal((await undelete(server, name, office)).body.error.code, 'ResourceGroupNotFound');
  assert.equal((await undelete(server, name, '/elsewhere')).body.error.code, 'BadRequest');
  await server.call('PUT', office, { location: 'westeurope' });
  server.denied.add('Microsoft.RecoveryServices/vaults/write');
  assert.equal((await undelete(server, name, office)).body.error.code, 'AuthorizationFailed');
  server.denied.clear();
  assert.equal((await undelete(server, name, office)).status, 202);
  assert.equal((await server.call('GET', VAULT.replace('Shop', 'Office'))).status, 200);
});

test('a vault that is being purged is not taken back', async () => {
  await using server = await testServer();
  const name = await deletedVault(server);
  const vault = await getVault(server.db.queries, name);
  assert.ok(vault);
  await updateVault(server.db.queries, { ...vault, provisioningState: 'Deleting' });
  const refused = await undelete(server, name);
  assert.deepEqual([refused.status, refused.body.error.code], [409, 'Conflict']);
});

test('the deletion of a group soft-deletes its vaults, and nothing of their stores goes', async () => {
  await using server = await testServer();
  const office = GROUP.replace('Shop', 'Office');
  const vault = VAULT.replace('Shop', 'Office');
  await server.call('PUT', office, { location: 'westeurope' });
  await makeVault(server, vault);
  await protect(server, 'web01', 'DefaultPolicy', vault);
  assert.equal((await server.call('DELETE', office)).status, 409, 'not with a protected item');
  await server.call('DELETE', itemPath('web01', vault));
  const gone = await server.call('DELETE', office);
  assert.equal(gone.status, 202, JSON.stringify(gone.body));
  await server.services.work.idle();
  assert.equal((await server.call('GET', office)).status, 404);
  const [deleted] = await list(server);
  assert.deepEqual([...server.stores], [deleted?.name]);
  assert.equal((await listItems(server.db.queries, { vaultId: deleted?.name ?? '' })).length, 1);
});
