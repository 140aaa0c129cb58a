import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeVault, protect, VAULT } from './testing/paths.ts';
import { testServer } from './testing/testServer.ts';

const POLICY = `${VAULT}/backupPolicies`;
const AT = '2026-01-05T22:00:00.000Z';

const daily = (more: object = {}) => ({
  properties: {
    backupManagementType: 'AzureIaasVM',
    schedulePolicy: {
      schedulePolicyType: 'SimpleSchedulePolicy',
      scheduleRunFrequency: 'Daily',
      scheduleRunTimes: [AT],
    },
    retentionPolicy: {
      retentionPolicyType: 'LongTermRetentionPolicy',
      dailySchedule: { retentionTimes: [AT], retentionDuration: { count: 14, durationType: 'Days' } },
    },
    instantRpRetentionRangeInDays: 2,
    timeZone: 'UTC',
    ...more,
  },
});

test('the default policy has the wire shape clients know', async () => {
  await using server = await testServer();
  await makeVault(server);
  const { body } = await server.call('GET', `${POLICY}/defaultpolicy`);
  assert.equal(body.id, `${POLICY}/DefaultPolicy`);
  assert.equal(body.type, 'Microsoft.RecoveryServices/vaults/backupPolicies');
  assert.equal(body.properties.backupManagementType, 'AzureIaasVM');
  assert.equal(body.properties.schedulePolicy.schedulePolicyType, 'SimpleSchedulePolicy');
  assert.equal(body.properties.retentionPolicy.dailySchedule.retentionDuration.count, 30);
  assert.deepEqual(body.properties.instantRPDetails, {});
  assert.equal(body.properties.protectedItemsCount, 0);
});

test('PUT makes a policy and changes it; a read policy can be sent back', async () => {
  await using server = await testServer();
  await makeVault(server);
  const made = await server.call('PUT', `${POLICY}/nightly`, daily());
  assert.equal(made.status, 200, JSON.stringify(made.body));
  assert.equal(made.body.name, 'nightly');
  const longer = structuredClone(made.body);
  longer.properties.retentionPolicy.dailySchedule.retentionDuration.count = 21;
  const changed = await server.call('PUT', `${POLICY}/Nightly`, longer);
  assert.equal(changed.status, 200, JSON.stringify(changed.body));
  assert.equal(changed.body.name, 'nightly');
  const read = await server.call('GET', `${POLICY}/nightly`);
  assert.equal(read.body.properties.retentionPolicy.dailySchedule.retentionDuration.count, 21);
});

test('every fault of a policy is named at once', async () => {
  await using server = await testServer();
  await makeVault(server);
  const bad = daily({ instantRpRetentionRangeInDays: 9, timeZone: 'Middle-earth' });
  const { status, body } = await server.call('PUT', `${POLICY}/nightly`, bad);
  assert.deepEqual([status, body.error.code], [400, 'BMSUserErrorInvalidPolicyInput']);
  assert.equal(body.error.details.length, 2, JSON.stringify(body.error.details));
  for (const detail of body.error.details) assert.ok(detail.target && detail.message && detail.code);
  const name = await server.call('PUT', `${POLICY}/1x`, daily());
  assert.deepEqual(
    [name.status, name.body.error.code, name.body.error.target],
    [400, 'InvalidResourceName', 'policyName'],
  );
  assert.equal((await server.call('GET', `${POLICY}/nightly`)).status, 404);
});

test('a policy in use stays, an unused one goes', async () => {
  await using server = await testServer();
  await makeVault(server);
  await server.call('PUT', `${POLICY}/nightly`, daily());
  await protect(server, 'web01', 'nightly');
  const used = await server.call('DELETE', `${POLICY}/nightly`);
  assert.deepEqual([used.status, used.body.error.code], [400, 'BMSUserErrorPolicyObjectInUse']);
  await protect(server, 'web01', 'DefaultPolicy');
  assert.equal((await server.call('DELETE', `${POLICY}/nightly`)).status, 200);
  assert.equal((await server.call('DELETE', `${POLICY}/nightly`)).status, 204);
});

test('the list counts items and is empty for other workloads', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server);
  const list = async (query: string) => (await server.call('GET', `${POLICY}${query}`)).body.value;
  const counts = (await list("?$filter=backupManagementType eq 'AzureIaasVM'")).map(
    (policy: { properties: { protectedItemsCount: number } }) => policy.properties.protectedItemsCount,
  );
  assert.deepEqual(counts, [1, 0]);
  assert.deepEqual(await list("?$filter=backupManagementType eq 'AzureStorage'"), []);
});

test('an immutable vault lets retention only grow, and the type of a policy never changes', async () => {
  await using server = await testServer();
  await makeVault(server);
  await server.call('PUT', `${POLICY}/nightly`, daily());
  await server.call('PATCH', VAULT, {
    properties: { securitySettings: { immutabilitySettings: { state: 'Unlocked' } } },
  });
  const shorter = daily();
  shorter.properties.retentionPolicy.dailySchedule.retentionDuration.count = 7;
  const denied = await server.call('PUT', `${POLICY}/nightly`, shorter);
  assert.equal(denied.body.error.code, 'UserErrorOperationDeniedOnImmutableItem');
  const { body } = await server.call('GET', `${POLICY}/EnhancedPolicy`);
  const other = await server.call('PUT', `${POLICY}/nightly`, body);
  assert.deepEqual([other.status, other.body.error.code], [400, 'BMSUserErrorInvalidPolicyInput']);
});
