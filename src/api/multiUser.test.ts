import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getVault } from '../db/vaults.ts';
import { GUARDED_OPERATIONS, requestIdOf } from '../vault/resourceGuard.ts';
import { approveAction, type CriticalOperation, demandSecondConsent, GUARD_ACTION } from './multiUser.ts';
import { GROUP, itemPath, makeVault, protect, VAULT } from './testing/paths.ts';
import { type TestServer, testServer } from './testing/testServer.ts';

const GUARD = `${GROUP}/providers/Microsoft.DataProtection/resourceGuards/keeper`;
const PROXY = `${VAULT}/backupResourceGuardProxies/VaultProxy`;
const ALL = Object.keys(GUARDED_OPERATIONS) as CriticalOperation[];
const MINUTE_MS = 60_000;

const putGuard = (server: TestServer, vaultCriticalOperationExclusionList: readonly string[] = []) =>
  server.call('PUT', GUARD, { location: 'westeurope', properties: { vaultCriticalOperationExclusionList } });

const link = (server: TestServer) => server.call('PUT', PROXY, { properties: { resourceGuardResourceId: GUARD } });

async function guardedVault(exclusions: readonly string[] = []): Promise<TestServer> {
  const server = await testServer();
  await makeVault(server);
  await putGuard(server, exclusions);
  assert.equal((await link(server)).status, 200);
  return server;
}

/** Asks as a provider does, in a transaction. */
async function demand(server: TestServer, operation: CriticalOperation, requests?: readonly string[]): Promise<string> {
  const vaultId = [...server.stores][0] ?? '';
  const context = {
    principal: { objectId: 'object-1', tenantId: 't', name: 'keeper' },
    path: itemPath('web01'),
    requestedAt: server.clock.now(),
    can: async (action: string) => !server.denied.has(action),
  };
  try {
    await server.db.transaction(async (tx) => {
      const vault = await getVault(tx, vaultId);
      assert.ok(vault);
      await demandSecondConsent(tx, context as never, vault, operation, requests);
    });
    return 'passes';
  } catch (error) {
    return String((error as { code?: string }).code);
  }
}

test('a guard shows what it watches over, and leaves out what may be left out', async () => {
  await using server = await testServer();
  const made = await putGuard(server, ['deleteProtection', 'Microsoft.RecoveryServices/vaults/backupPolicies/write']);
  assert.equal(made.status, 200, JSON.stringify(made.body));
  const watched = made.body.properties.resourceGuardOperations.map(
    (operation: { vaultCriticalOperation: string }) => operation.vaultCriticalOperation,
  );
  assert.equal(watched.length, ALL.length - 2);
  assert.ok(watched.includes('Microsoft.RecoveryServices/vaults/backupResourceGuardProxies/delete'));
  assert.ok(!watched.includes(GUARDED_OPERATIONS.deleteProtection.vaultOperation));
  for (const [name, status] of [
    ['disableSoftDelete', 400],
    ['Microsoft.RecoveryServices/vaults/backupResourceGuardProxies/delete', 400],
    ['flyToTheMoon', 400],
  ] as const) {
    const refused = await putGuard(server, [name]);
    assert.deepEqual([refused.status, refused.body.error.code], [status, 'BadRequest']);
    assert.match(refused.body.error.message, /legal are deleteProtection|legal are .*deleteProtection/);
  }
  const request = await server.call('GET', `${GUARD}/deleteResourceGuardProxyRequests/default`);
  assert.equal(request.body.id, `${GUARD}/deleteResourceGuardProxyRequests/default`);
  assert.deepEqual((await server.call('GET', `${GUARD}/deleteProtectedItemRequests`)).body, { value: [] });
  assert.equal((await server.call('GET', `${GUARD}/deleteProtectedItemRequests/default`)).status, 404);
  assert.equal((await server.call('GET', `${GUARD}/disableSoftDeleteRequests`)).body.value.length, 1);
});

test('a vault under a guard says so, and tells clients which requests to name', async () => {
  await using server = await guardedVault(['getSecurityPIN']);
  const vault = (await server.call('GET', VAULT)).body.properties;
  assert.deepEqual(
    [vault.securitySettings.multiUserAuthorization, vault.secureScore, vault.bcdrSecurityLevel],
    ['Enabled', 'Maximum', 'Excellent'],
  );
  const [shown] = (await server.call('GET', `${VAULT}/backupResourceGuardProxies`)).body.value;
  assert.deepEqual([shown.id, shown.name], [PROXY, 'VaultProxy']);
  assert.equal(shown.properties.resourceGuardResourceId, GUARD);
  assert.equal(shown.properties.resourceGuardOperationDetails.length, ALL.length - 1);
  assert.deepEqual(shown.properties.resourceGuardOperationDetails[0], {
    vaultCriticalOperation: 'Microsoft.RecoveryServices/vaults/backupResourceGuardProxies/delete',
    defaultResourceRequest: `${GUARD}/deleteResourceGuardProxyRequests/default`,
  });
  assert.deepEqual((await server.call('GET', PROXY)).body, shown);
});

test('every critical operation needs its own request and a role on the guard', async () => {
  await using server = await guardedVault();
  for (const operation of ALL) {
    const request = requestIdOf(GUARD, operation);
    assert.equal(await demand(server, operation), 'BMSUserErrorResourceGuardOperationRequired', operation);
    assert.equal(await demand(server, operation, ['']), 'BMSUserErrorResourceGuardOperationRequired');
    const others = ALL.filter((other) => other !== operation).map((other) => requestIdOf(GUARD, other));
    assert.equal(await demand(server, operation, others), 'BMSUserErrorResourceGuardOperationRequired', operation);
    const foreign = request.replace('keeper', 'stranger');
    assert.equal(await demand(server, operation, [foreign]), 'BMSUserErrorResourceGuardOperationRequired');
    server.denied.add(approveAction(operation));
    assert.equal(await demand(server, operation, [request]), 'AuthorizationFailed', operation);
    server.denied.clear();
    assert.equal(await demand(server, operation, [request.toUpperCase()]), 'passes', operation);
  }
});

test('what the guard leaves out passes, and so does everything in a vault without a guard', async () => {
  await using free = await testServer();
  await makeVault(free);
  for (const operation of ALL) assert.equal(await demand(free, operation), 'passes', operation);
  const optional = ALL.filter((operation) => !GUARDED_OPERATIONS[operation].isMandatory);
  await using server = await guardedVault(optional);
  for (const operation of ALL) {
    const expected = optional.includes(operation) ? 'passes' : 'BMSUserErrorResourceGuardOperationRequired';
    assert.equal(await demand(server, operation), expected, operation);
  }
});

test('a deletion is unlocked for one caller, one resource, once, and for ten minutes', async () => {
  await using server = await guardedVault();
  await protect(server);
  const refused = await server.call('DELETE', itemPath('web01'));
  assert.deepEqual([refused.status, refused.body.error.code], [403, 'BMSUserErrorResourceGuardOperationRequired']);
  const unlock = (resourceToBeDeleted: string, operation: CriticalOperation = 'deleteProtection') =>
    server.call('POST', `${PROXY}/unlockDelete`, {
      resourceGuardOperationRequests: [requestIdOf(GUARD, operation)],
      resourceToBeDeleted,
    });
  assert.equal((await unlock(itemPath('web01'), 'removeGuard')).status, 403, 'the request of another operation');
  assert.equal((await unlock('/elsewhere')).body.error.code, 'BadRequest');
  await unlock(itemPath('db01'));
  assert.equal((await server.call('DELETE', itemPath('web01'))).status, 403, 'another resource was unlocked');
  const unlocked = await unlock(itemPath('web01').toUpperCase());
  assert.equal(Date.parse(unlocked.body.unlockDeleteExpiryTime), server.clock.now() + 10 * MINUTE_MS);
  await server.clock.turn(10 * MINUTE_MS);
  assert.equal((await server.call('DELETE', itemPath('web01'))).status, 403, 'the time is over');
  await unlock(itemPath('web01'));
  assert.equal((await server.call('DELETE', itemPath('web01'))).status, 202);
  assert.equal(await demand(server, 'deleteProtection'), 'BMSUserErrorResourceGuardOperationRequired', 'it is spent');
});

test('the guard is taken off with its consent alone, which raises an alert', async () => {
  await using server = await guardedVault();
  assert.equal((await server.call('DELETE', PROXY)).status, 403);
  const other = GUARD.replace('keeper', 'other');
  await server.call('PUT', other, { location: 'westeurope', properties: {} });
  const swapped = await server.call('PUT', PROXY, { properties: { resourceGuardResourceId: other } });
  assert.equal(swapped.status, 403, 'another guard in its place is the end of the first');
  assert.equal((await server.call('DELETE', VAULT)).body.error.code, 'BMSUserErrorVaultDeletionNotAllowed');
  const inUse = await server.call('DELETE', GUARD);
  assert.deepEqual([inUse.status, inUse.body.error.code], [409, 'OperationNotAllowed']);
  const requests = { resourceGuardOperationRequests: [requestIdOf(GUARD, 'removeGuard')] };
  server.denied.add(approveAction('removeGuard'));
  assert.equal((await server.call('POST', `${PROXY}/unlockDelete`, requests)).status, 403);
  server.denied.clear();
  assert.equal((await server.call('POST', `${PROXY}/unlockDelete`, requests)).status, 200);
  assert.equal((await server.call('DELETE', PROXY)).status, 200);
  assert.equal((await server.call('DELETE', PROXY)).status, 204);
  assert.deepEqual((await server.call('GET', `${VAULT}/backupResourceGuardProxies`)).body, { value: [] });
  const alerts = await server.db.queries.selectFrom('alerts').select(['kind', 'severity']).execute();
  assert.deepEqual(
    alerts.map(({ kind, severity }) => `${kind} ${severity}`),
    ['MultiUserAuthorizationDisabled Sev0'],
  );
  assert.equal((await server.call('DELETE', GUARD)).status, 200);
});

test('linking needs a guard that is there and that the caller may read', async () => {
  await using server = await testServer();
  await makeVault(server);
  assert.equal((await link(server)).body.error.code, 'ResourceNotFound');
  await putGuard(server);
  server.denied.add(`${GUARD_ACTION}/read`);
  assert.deepEqual((await link(server)).body.error.code, 'AuthorizationFailed');
  server.denied.clear();
  assert.equal((await link(server)).status, 200);
  assert.equal((await link(server)).status, 200, 'the same again');
});

test('a guard that has vanished watches over everything, and its consent can still be had', async () => {
  await using server = await guardedVault(['updatePolicy']);
  assert.equal(await demand(server, 'updatePolicy'), 'passes');
  await server.db.queries.deleteFrom('arm_resources').execute();
  assert.equal(await demand(server, 'updatePolicy'), 'BMSUserErrorResourceGuardOperationRequired');
  assert.equal(await demand(server, 'updatePolicy', [requestIdOf(GUARD, 'updatePolicy')]), 'passes');
});

test('through the API: immutability, soft delete retention, policies, protection and the PIN ask for consent', async () => {
  await using server = await guardedVault();
  await protect(server);
  const patch = (properties: object) => server.call('PATCH', VAULT, { properties });
  const immutability = (state: string, more: object = {}) =>
    patch({ securitySettings: { immutabilitySettings: { state } }, ...more });
  assert.equal((await immutability('Unlocked')).status, 200, 'more safety needs nobody');
  assert.equal((await immutability('Disabled')).status, 403);
  const consent = (operation: CriticalOperation) => ({
    resourceGuardOperationRequests: [requestIdOf(GUARD, operation)],
  });
  assert.equal((await immutability('Disabled', consent('disableImmutability'))).status, 200);
  const config = `${VAULT}/backupconfig/vaultconfig`;
  const keep = (softDeleteRetentionPeriodInDays: number, more: object = {}) =>
    server.call('PATCH', config, { properties: { softDeleteRetentionPeriodInDays, ...more } });
  assert.equal((await keep(60)).status, 200);
  assert.equal((await keep(59)).status, 403);
  assert.equal((await keep(59, consent('disableSoftDelete'))).status, 200);
  const pin = await server.call('POST', `${VAULT}/backupSecurityPIN`, {});
  assert.equal(pin.status, 403);
  const given = await server.call('POST', `${VAULT}/backupSecurityPIN`, consent('getSecurityPIN'));
  assert.match(given.body.securityPIN, /^\d{8}$/);
  const ticks = (server.clock.now() + 5 * MINUTE_MS) * 10_000 + 621_355_968_000_000_000;
  assert.equal(given.body.expiryTimeInUtcTicks, ticks);
  const kept = await server.db.queries.selectFrom('vault_tokens').selectAll().execute();
  assert.ok(!JSON.stringify(kept).includes(given.body.securityPIN), 'only its hash is kept');
});
