import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allVaults, updateVault } from '../db/vaults.ts';
import { itemPath, makeVault, protect, putItem, VAULT } from './testing/paths.ts';
import { addPoint } from './testing/points.ts';
import { type TestServer, testServer } from './testing/testServer.ts';

const POLICIES = `${VAULT}/backupPolicies`;
const NIGHTLY = `${POLICIES}/nightly`;

const policy = ({ days = 30, at = '2026-01-05T22:00:00Z', more = {} } = {}) => ({
  properties: {
    backupManagementType: 'AzureIaasVM',
    schedulePolicy: {
      schedulePolicyType: 'SimpleSchedulePolicy',
      scheduleRunFrequency: 'Daily',
      scheduleRunTimes: [at],
    },
    retentionPolicy: {
      retentionPolicyType: 'LongTermRetentionPolicy',
      dailySchedule: { retentionTimes: [at], retentionDuration: { count: days, durationType: 'Days' } },
    },
    timeZone: 'UTC',
    ...more,
  },
});

const jobsOf = async (server: TestServer): Promise<readonly { name: string; properties: Record<string, string> }[]> =>
  (await server.call('GET', `${VAULT}/backupJobs`)).body.value;

const alertsOf = (server: TestServer) =>
  server.db.queries.selectFrom('alerts').select(['kind', 'body']).orderBy('fired_at').execute();

const setImmutability = (server: TestServer, state: string) =>
  server.call('PATCH', VAULT, { properties: { securitySettings: { immutabilitySettings: { state } } } });

test('the two policies of a vault are, but for the hour, what Azure answers', async () => {
  await using server = await testServer();
  await makeVault(server);
  const { body } = await server.call('GET', `${POLICIES}/DefaultPolicy`);
  const time = body.properties.schedulePolicy.scheduleRunTimes[0];
  assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:(00|30):00Z$/);
  const { policyType, ...properties } = body.properties;
  assert.equal(policyType, 'V1');
  assert.equal(
    JSON.stringify({ ...body, properties }),
    `{"id":"${POLICIES}/DefaultPolicy","name":"DefaultPolicy","type":"Microsoft.RecoveryServices/vaults/backupPolicies",` +
      '"properties":{"backupManagementType":"AzureIaasVM","instantRPDetails":{},' +
      `"schedulePolicy":{"schedulePolicyType":"SimpleSchedulePolicy","scheduleRunFrequency":"Daily","scheduleRunTimes":["${time}"],"scheduleWeeklyFrequency":0},` +
      `"retentionPolicy":{"retentionPolicyType":"LongTermRetentionPolicy","dailySchedule":{"retentionTimes":["${time}"],"retentionDuration":{"count":30,"durationType":"Days"}}},` +
      '"instantRpRetentionRangeInDays":2,"timeZone":"UTC","protectedItemsCount":0}}',
  );
  const enhanced = (await server.call('GET', `${POLICIES}/EnhancedPolicy`)).body.properties;
  assert.deepEqual([enhanced.policyType, enhanced.instantRpRetentionRangeInDays, enhanced.timeZone], ['V2', 2, 'UTC']);
  const { interval, scheduleWindowDuration, scheduleWindowStartTime } = enhanced.schedulePolicy.hourlySchedule;
  assert.deepEqual([interval, scheduleWindowDuration, scheduleWindowStartTime.slice(11)], [4, 12, '08:00:00Z']);
  assert.equal(enhanced.retentionPolicy.dailySchedule.retentionDuration.count, 30);
});

test('a default policy that is deleted comes back with its first rules', async () => {
  await using server = await testServer();
  await makeVault(server);
  const before = (await server.call('GET', `${POLICIES}/DefaultPolicy`)).body;
  const changed = structuredClone(before);
  changed.properties.retentionPolicy.dailySchedule.retentionDuration.count = 60;
  assert.equal((await server.call('PUT', `${POLICIES}/DefaultPolicy`, changed)).status, 200);
  assert.equal((await server.call('DELETE', `${POLICIES}/defaultpolicy`)).status, 200);
  assert.deepEqual((await server.call('GET', `${POLICIES}/DefaultPolicy`)).body, before);
  assert.equal((await server.call('GET', POLICIES)).body.value.length, 2);
});

test('a change is one job for each machine under the policy, polled where the answer says', async () => {
  await using server = await testServer();
  await makeVault(server);
  await server.call('PUT', NIGHTLY, policy());
  await protect(server, 'web01', 'nightly');
  await protect(server, 'db01', 'nightly');
  const earlier = new Set((await jobsOf(server)).map(({ name }) => name));
  const later = server.clock.now() + 1e9;
  await server.db.queries.updateTable('items').set({ prune_at: later, next_due_at: later }).execute();
  const changed = await server.call('PUT', NIGHTLY, policy({ days: 60 }));
  assert.equal(changed.status, 200);
  assert.equal(changed.body.properties.protectedItemsCount, 2);
  const jobs = (await jobsOf(server)).filter(({ name }) => !earlier.has(name));
  assert.deepEqual(
    jobs.map(({ properties }) => [properties.operation, properties.status, properties.entityFriendlyName]).sort(),
    [
      ['ConfigureBackup', 'Completed', 'db01'],
      ['ConfigureBackup', 'Completed', 'web01'],
    ],
  );
  const due = await server.db.queries.selectFrom('items').select(['prune_at', 'next_due_at']).execute();
  assert.deepEqual(
    due.map((item) => [item.prune_at, item.next_due_at]),
    [
      [0, 0],
      [0, 0],
    ],
    'schedules begin anew, points are judged again',
  );
  const status = await server.call('GET', changed.headers['azure-asyncoperation'] ?? '');
  assert.deepEqual([status.status, status.body.status], [200, 'Succeeded']);
  assert.equal(status.body.properties.objectType, 'OperationStatusJobsExtendedInfo');
  assert.deepEqual([...status.body.properties.jobIds].sort(), jobs.map(({ name }) => name).sort());
  const result = await server.call('GET', changed.headers.location ?? '');
  assert.deepEqual([result.status, result.body], [200, changed.body]);
  assert.equal((await server.call('GET', `${POLICIES}/DefaultPolicy/operations/${status.body.name}`)).status, 404);
});

test('asking for what is there changes nothing', async () => {
  await using server = await testServer();
  await makeVault(server);
  await server.call('PUT', NIGHTLY, policy());
  await protect(server, 'web01', 'nightly');
  const count = (await jobsOf(server)).length;
  const versionOf = async () =>
    JSON.parse(
      (await server.db.queries
        .selectFrom('policies')
        .select('body')
        .where('name_key', '=', 'nightly')
        .executeTakeFirst())!.body,
    ).version;
  const again = await server.call('PUT', NIGHTLY, policy({ at: '2031-12-01T22:00:00.000Z' }));
  assert.deepEqual([again.status, again.headers['azure-asyncoperation']], [200, undefined]);
  assert.equal(again.body.properties.schedulePolicy.scheduleRunTimes[0], '2031-12-01T22:00:00Z', 'the date as it came');
  assert.deepEqual([(await jobsOf(server)).length, await versionOf()], [count, 1]);
  await server.call('PUT', NIGHTLY, policy({ days: 31 }));
  assert.equal(await versionOf(), 2);
});

test('shorter retention raises the alert that says so, longer retention none', async () => {
  await using server = await testServer();
  await makeVault(server);
  await server.call('PUT', NIGHTLY, policy());
  await server.call('PUT', NIGHTLY, policy({ days: 60 }));
  assert.deepEqual(await alertsOf(server), []);
  await server.call('PUT', NIGHTLY, policy({ days: 14 }));
  const [alert, ...others] = await alertsOf(server);
  assert.deepEqual([alert?.kind, others.length], ['ModifyPolicyWithShorterRetention', 0]);
  assert.match(JSON.parse(alert!.body).description, /nightly.*: retentionPolicy.dailySchedule\.$/);
});

test('an immutable vault refuses what keeps less, and longer retention while an item is suspended', async () => {
  await using server = await testServer();
  await makeVault(server);
  await server.call('PUT', NIGHTLY, policy());
  await protect(server, 'web01', 'nightly');
  await setImmutability(server, 'Unlocked');
  const shorter = await server.call('PUT', NIGHTLY, policy({ days: 14 }));
  assert.deepEqual(
    [shorter.status, shorter.body.error.code, shorter.body.error.details[0].target],
    [400, 'UserErrorOperationDeniedOnImmutableItem', 'retentionPolicy.dailySchedule'],
  );
  assert.equal((await server.call('PUT', NIGHTLY, policy({ days: 60 }))).status, 200);
  const suspended = await putItem(server, 'web01', { protectionState: 'BackupsSuspended', policyId: NIGHTLY });
  assert.equal(suspended.status, 202, JSON.stringify(suspended.body));
  const longer = await server.call('PUT', NIGHTLY, policy({ days: 90 }));
  assert.equal(longer.body.error.code, 'UserErrorOperationDeniedOnImmutableItem');
  assert.match(longer.body.error.message, /suspended.*web01/);
  const jobs = (await jobsOf(server)).length;
  const later = await server.call('PUT', NIGHTLY, policy({ days: 60, at: '2026-01-05T23:00:00Z' }));
  assert.equal(later.status, 200, 'the time may change');
  assert.equal((await jobsOf(server)).length, jobs, 'the suspended item is passed over');
});

test('a guarded vault wants a second consent to less, not to more', async () => {
  await using server = await testServer();
  await makeVault(server);
  await server.call('PUT', NIGHTLY, policy());
  const [vault] = await allVaults(server.db.queries);
  const guardId = `${VAULT.split('/providers/')[0]}/providers/Microsoft.DataProtection/resourceGuards/keeper`;
  const guarded = { ...vault!, guard: { guardId, proxyName: 'VaultProxy', linkedAt: 0 } };
  await updateVault(server.db.queries, guarded);
  assert.equal((await server.call('PUT', NIGHTLY, policy({ days: 60 }))).status, 200);
  const refused = await server.call('PUT', NIGHTLY, policy({ days: 20 }));
  assert.deepEqual([refused.status, refused.body.error.code], [403, 'BMSUserErrorResourceGuardOperationRequired']);
  const wanted = /must hold '([^']+)'/.exec(refused.body.error.message)?.[1];
  const consented = policy({ days: 20, more: { resourceGuardOperationRequests: [wanted] } });
  assert.equal((await server.call('PUT', NIGHTLY, consented)).status, 200);
  const nonsense = policy({ more: { resourceGuardOperationRequests: 'please' } });
  assert.equal((await server.call('PUT', NIGHTLY, nonsense)).body.error.target, 'resourceGuardOperationRequests');
});

test('as many policies, and as many changes in a day, as the limits say', async () => {
  await using server = await testServer();
  await makeVault(server);
  Object.assign(server.services.config, { limits: { ...server.services.config.limits, policiesInVault: 3 } });
  assert.equal((await server.call('PUT', NIGHTLY, policy())).status, 200);
  const many = await server.call('PUT', `${POLICIES}/another`, policy());
  assert.deepEqual([many.status, many.body.error.code], [409, 'UserErrorPolicyLimitReached']);
  Object.assign(server.services.config, { limits: { ...server.services.config.limits, policyWritesInDay: 3 } });
  assert.equal((await server.call('PUT', NIGHTLY, policy({ days: 31 }))).status, 200);
  assert.equal((await server.call('PUT', NIGHTLY, policy({ days: 32 }))).status, 200);
  const often = await server.call('PUT', NIGHTLY, policy({ days: 33 }));
  assert.deepEqual([often.status, often.body.error.code], [409, 'UserErrorPolicyLimitReached']);
  assert.equal((await server.call('PUT', NIGHTLY, policy({ days: 32 }))).status, 200, 'nothing changes');
  await server.clock.turn(24 * 3_600_000);
  assert.equal((await server.call('PUT', NIGHTLY, policy({ days: 33 }))).status, 200);
});

test('policies of other workloads are refused by name', async () => {
  await using server = await testServer();
  await makeVault(server);
  const { status, body } = await server.call(
    'PUT',
    NIGHTLY,
    policy({ more: { backupManagementType: 'AzureStorage' } }),
  );
  assert.deepEqual([status, body.error.code, body.error.target], [501, 'NotImplemented', 'backupManagementType']);
});

test('a point that a shorter policy let go is listed as soft-deleted, until its purge', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server);
  const purgeAt = server.clock.now() + 14 * 24 * 3_600_000;
  const softDelete = { deletedAt: server.clock.now(), purgeAt };
  const vaulted = { commitName: 'c', cseq: 1, storedAt: 0, expiresAt: purgeAt, softDelete };
  await addPoint(server, '1', 20, { vaulted, keptBy: ['soft delete'], snapshot: { snapshotId: 's', deletedAt: 1 } });
  await addPoint(server, '2', 1);
  const { body } = await server.call('GET', `${itemPath('web01')}/recoveryPoints`);
  assert.deepEqual(
    body.value.map(({ name, properties }: { name: string; properties: { recoveryPointProperties: object } }) => [
      name,
      properties.recoveryPointProperties,
    ])[1],
    ['1', { expiryTime: new Date(purgeAt).toISOString(), ruleName: 'soft delete', isSoftDeleted: true }],
  );
});
