import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listItemsDue, setNextDue } from '../db/itemSchedule.ts';
import { listItems, updateItem } from '../db/items.ts';
import { enqueueJob } from '../db/jobs.ts';
import { getScheduleCursor } from '../db/schedule.ts';
import { getVault, updateVault } from '../db/vaults.ts';
import { AZURE_LIMITS, type Limits } from '../vault/limits.ts';
import { itemPath, machinePath, makeVault, protect, putItem, VAULT } from './testing/paths.ts';
import { addPoint } from './testing/points.ts';
import { type Answer, machine, SUBSCRIPTION, type TestServer, testServer } from './testing/testServer.ts';

const ITEM = itemPath('web01');
const HOUR_MS = 3_600_000;
const STOP = { policyId: '', protectionState: 'ProtectionStopped' };
const codeOf = (answer: Answer) => [answer.status, answer.body?.error?.code];
const limit = (server: TestServer, limits: Partial<Limits>) =>
  Object.assign(server.services.config, { limits: { ...AZURE_LIMITS, ...limits } });
const alerts = async (server: TestServer) =>
  (await server.db.queries.selectFrom('alerts').select('kind').execute()).map(({ kind }) => kind).sort();

async function opened(): Promise<TestServer> {
  const server = await testServer();
  await makeVault(server);
  return server;
}

test('limits: machines in a vault, under a policy, and changes in a day, each with its setting named', async () => {
  await using server = await opened();
  limit(server, { machinesInVault: 1 });
  assert.equal((await protect(server)).status, 202);
  const full = await protect(server, 'db01');
  assert.deepEqual(codeOf(full), [409, 'UserErrorProtectionLimitReached']);
  assert.match(JSON.stringify(full.body), /machinesInVault/);
  assert.equal((await protect(server)).status, 202, 'what is in it can be changed');
  limit(server, { machinesUnderPolicy: 1 });
  const crowded = await protect(server, 'db01');
  assert.deepEqual(codeOf(crowded), [400, 'ProtectedItemsCountExceeded']);
  assert.equal(crowded.body.error.message, 'Cannot configure backup for more than 1 VMs per policy.');
  limit(server, { protectionWritesInDay: 2 });
  assert.deepEqual(codeOf(await putItem(server, 'web01', STOP)), [409, 'UserErrorProtectionLimitReached']);
  assert.deepEqual(codeOf(await server.call('DELETE', ITEM)), [409, 'UserErrorProtectionLimitReached']);
  await server.clock.turn(25 * HOUR_MS);
  assert.equal((await putItem(server, 'web01', STOP)).status, 202);
});

test('limits: disks of a machine, the largest of them and all together, each with its setting named', async () => {
  await using server = await opened();
  const cases = [
    [{ disksOfMachine: 0 }, 409, 'UserErrorProtectionLimitReached'],
    [{ diskTib: 0 }, 400, 'UserErrorUnsupportedDiskSize'],
    [{ machineTib: 0 }, 400, 'UserErrorUnsupportedDiskSize'],
  ] as const;
  for (const [limits, status, code] of cases) {
    limit(server, limits);
    const refused = await protect(server);
    assert.deepEqual(codeOf(refused), [status, code]);
    assert.ok(JSON.stringify(refused.body).includes(Object.keys(limits)[0]!), code);
  }
  limit(server, {});
  assert.equal((await protect(server)).status, 202);
});

test('a machine of another subscription, and one too large, are refused with their own codes', async () => {
  await using server = await opened();
  const foreign = machinePath('web01').replace(SUBSCRIPTION, '22222222-0000-0000-0000-000000000000');
  const policyId = `${VAULT}/backupPolicies/DefaultPolicy`;
  const answer = await putItem(server, 'web01', { policyId, sourceResourceId: foreign });
  assert.deepEqual(codeOf(answer), [400, 'UserErrorCrossSubscriptionBackupNotSupported']);
  server.machines.push(machine('big01', { disks: [{ lun: -1, name: 'os', sizeBytes: 65 * 2 ** 40 }] }));
  assert.deepEqual(codeOf(await protect(server, 'big01')), [400, 'UserErrorUnsupportedDiskSize']);
});

test('asked for again, protection stays as it is', async () => {
  await using server = await opened();
  await protect(server);
  const [before] = await listItems(server.db.queries);
  assert.equal((await protect(server)).status, 202);
  assert.deepEqual(await listItems(server.db.queries), [before]);
  await putItem(server, 'web01', STOP);
  const [stopped] = await listItems(server.db.queries);
  assert.equal((await putItem(server, 'web01', STOP)).status, 202);
  assert.deepEqual(await listItems(server.db.queries), [stopped]);
});

test('LUNs that the machine has not are named, and those it has; what stood there before is let through', async () => {
  await using server = await opened();
  const policyId = `${VAULT}/backupPolicies/DefaultPolicy`;
  const disks = (diskLunList: number[], isInclusionList: boolean) =>
    putItem(server, 'web01', {
      policyId,
      extendedProperties: { diskExclusionProperties: { diskLunList, isInclusionList } },
    });
  const wrong = await disks([0, 4, 7], false);
  assert.deepEqual(codeOf(wrong), [400, 'BMSUserErrorInvalidConfigureProtectionRequest']);
  assert.match(wrong.body.error.message, /LUN 4, 7,.*data disks are at 0\./);
  assert.equal((await disks([0], true)).status, 202);
  server.machines.splice(0, 1, machine('web01', { disks: [{ lun: -1, name: 'os', sizeBytes: 1024 }] }));
  assert.equal((await disks([0], true)).status, 202, 'the disk was taken off since');
  assert.equal((await disks([], true)).status, 202, 'the OS disk alone');
  server.machines.length = 0;
  assert.equal((await disks([5], true)).status, 202, 'nobody knows the disks of a machine that is gone');
});

test('resuming begins the schedule anew: what was due while it was stopped is not made up for', async () => {
  await using server = await opened();
  await protect(server);
  const [item] = await listItems(server.db.queries);
  await putItem(server, 'web01', STOP);
  const due = () => listItemsDue(server.db.queries, server.clock.now(), { limit: 9 });
  assert.deepEqual(await due(), [], 'a stopped item is not scheduled');
  await server.clock.turn(40 * 24 * HOUR_MS);
  await protect(server);
  assert.equal(await getScheduleCursor(server.db.queries, item!.id), server.clock.now());
  assert.deepEqual(await due(), [{ id: item!.id, dueAt: 0 }]);
});

test('a changed policy reschedules its items, but for those whose backup is due already', async () => {
  await using server = await opened();
  await protect(server);
  await protect(server, 'db01');
  const { queries } = server.db;
  const [db01, web01] = await listItems(queries);
  await setNextDue(queries, web01!.id, server.clock.now() - 5);
  await setNextDue(queries, db01!.id, server.clock.now() + HOUR_MS);
  await server.clock.turn(1000);
  const policy = (await server.call('GET', `${VAULT}/backupPolicies/DefaultPolicy`)).body;
  policy.properties.retentionPolicy.dailySchedule.retentionDuration.count = 31;
  assert.equal((await server.call('PUT', `${VAULT}/backupPolicies/DefaultPolicy`, policy)).status, 200);
  const now = server.clock.now();
  assert.deepEqual(await listItemsDue(queries, now, { limit: 9 }), [
    { id: db01!.id, dueAt: 0 },
    { id: web01!.id, dueAt: now - 1005 },
  ]);
  assert.equal(await getScheduleCursor(queries, db01!.id), now);
  assert.equal(await getScheduleCursor(queries, web01!.id), now - 1000, 'its claim stays');
});

test('from a standard to an enhanced policy: not while a job runs, never back, and a backup follows', async () => {
  await using server = await opened();
  await protect(server);
  const [item] = await listItems(server.db.queries);
  const running = await enqueueJob(server.db.queries, {
    vaultId: item!.vaultId,
    itemId: item!.id,
    operation: 'Restore',
    entityFriendlyName: 'web01',
    isUserTriggered: true,
    startedBy: 'x',
    startTime: server.clock.now(),
  });
  const locked = await protect(server, 'web01', 'EnhancedPolicy');
  assert.deepEqual(codeOf(locked), [409, 'BMSUserErrorObjectLocked']);
  assert.match(JSON.stringify(locked.body), new RegExp(running.id));
  await server.db.queries.updateTable('jobs').set({ end_time: 1, status: 'Completed' }).execute();
  assert.equal((await protect(server, 'web01', 'EnhancedPolicy')).status, 202);
  assert.deepEqual(
    server.asked.map(({ call, values }) => [call, values[0]]),
    [['requestBackup', item!.id]],
  );
  const back = /a policy of type V1/;
  assert.match((await protect(server)).body.error.message, back);
  await putItem(server, 'web01', STOP);
  assert.match((await protect(server)).body.error.message, back, 'stopping in between changes nothing');
});

test('alerts: deletion, and a policy that keeps points for a shorter time, also by way of stopping', async () => {
  await using server = await opened();
  const policies = `${VAULT}/backupPolicies`;
  const short = (await server.call('GET', `${policies}/DefaultPolicy`)).body;
  short.properties.retentionPolicy.dailySchedule.retentionDuration.count = 7;
  await server.call('PUT', `${policies}/week`, { properties: short.properties });
  await protect(server);
  await protect(server, 'db01');
  await protect(server, 'web01', 'week');
  assert.deepEqual(await alerts(server), ['ModifyProtectionWithShorterRetention']);
  await putItem(server, 'db01', STOP);
  await protect(server, 'db01', 'week');
  await server.call('DELETE', ITEM);
  assert.deepEqual(await alerts(server), [
    'DeleteBackupData',
    'ModifyProtectionWithShorterRetention',
    'ModifyProtectionWithShorterRetention',
  ]);
});

test('an immutable vault: no shorter policy by way of stopping, no deletion before the points have expired', async () => {
  await using server = await opened();
  const policies = `${VAULT}/backupPolicies`;
  const short = (await server.call('GET', `${policies}/DefaultPolicy`)).body;
  short.properties.retentionPolicy.dailySchedule.retentionDuration.count = 7;
  await server.call('PUT', `${policies}/week`, { properties: short.properties });
  await protect(server);
  const [item] = await listItems(server.db.queries);
  const vault = (await getVault(server.db.queries, item!.vaultId))!;
  await updateVault(server.db.queries, { ...vault, immutability: 'Unlocked' });
  const denied = [400, 'UserErrorOperationDeniedOnImmutableItem'];
  await putItem(server, 'web01', STOP);
  assert.deepEqual(codeOf(await protect(server, 'web01', 'week')), denied);
  await protect(server);
  await addPoint(server, '1001', 3, { occurrenceKey: '2026-01-02/08:00' });
  assert.deepEqual(codeOf(await server.call('DELETE', ITEM)), denied);
  await server.clock.turn(31 * 24 * HOUR_MS);
  assert.equal((await server.call('DELETE', ITEM)).status, 202, 'its rules keep no point any more');
});

test('an item that is being purged is not taken back', async () => {
  await using server = await opened();
  await protect(server);
  await server.call('DELETE', ITEM);
  const [item] = await listItems(server.db.queries);
  await updateItem(server.db.queries, { ...item!, softDelete: { ...item!.softDelete!, purgingSince: 1 } });
  const answer = await putItem(server, 'web01', { ...STOP, isRehydrate: true });
  assert.deepEqual(codeOf(answer), [409, 'BMSUserErrorConflictingProtectionOperation']);
});

test('an item shows its oldest points, its span and whether its policy was applied yet', async () => {
  await using server = await opened();
  await protect(server);
  await addPoint(server, '1001', 9, { vaulted: { commitName: 'c', cseq: 1, storedAt: 1, deletedAt: 2 } });
  await addPoint(server, '1002', 5);
  await addPoint(server, '1003', 1);
  const info = async () => (await server.call('GET', ITEM)).body.properties.extendedInfo;
  assert.deepEqual(await info(), {
    oldestRecoveryPoint: '2025-12-27T08:00:00.000Z',
    oldestRecoveryPointInVault: '2025-12-31T08:00:00.000Z',
    recoveryPointCount: 3,
    policyInconsistent: false,
  });
  await server.db.queries.updateTable('items').set({ pruned_at: 5 }).execute();
  assert.equal((await info()).policyInconsistent, true);
});

test('on-demand backups of a UTC day are counted, scheduled ones are not', async () => {
  await using server = await opened();
  await protect(server);
  limit(server, { onDemandBackupsInDay: 1 });
  const backUp = () => server.call('POST', `${ITEM}/backup`, { properties: { objectType: 'IaasVMBackupRequest' } });
  assert.equal((await backUp()).status, 202);
  const refused = await backUp();
  assert.deepEqual(codeOf(refused), [429, 'UserErrorOnDemandLimitReached']);
  assert.match(JSON.stringify(refused.body), /2026-01-06T00:00:00.*onDemandBackupsInDay/);
  await server.db.queries.updateTable('jobs').set({ held_phase: null, end_time: 1 }).execute();
  await server.clock.turn(17 * HOUR_MS);
  assert.equal((await backUp()).status, 202, 'another day');
});

test('behind a resource guard, stopping, deleting and a shorter policy want a second consent; the rest does not', async () => {
  await using server = await opened();
  const policies = `${VAULT}/backupPolicies`;
  const short = (await server.call('GET', `${policies}/DefaultPolicy`)).body;
  short.properties.retentionPolicy.dailySchedule.retentionDuration.count = 7;
  await server.call('PUT', `${policies}/week`, { properties: short.properties });
  await protect(server);
  const [item] = await listItems(server.db.queries);
  const vault = (await getVault(server.db.queries, item!.vaultId))!;
  const guardId = `/subscriptions/${SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.DataProtection/resourceGuards/g`;
  await updateVault(server.db.queries, { ...vault, guard: { proxyName: 'VaultProxy', guardId, linkedAt: 1 } });
  const wanted = [403, 'BMSUserErrorResourceGuardOperationRequired'];
  const before = await listItems(server.db.queries);
  const stop = await putItem(server, 'web01', STOP);
  assert.deepEqual(codeOf(stop), wanted);
  assert.deepEqual(codeOf(await protect(server, 'web01', 'week')), wanted);
  assert.deepEqual(codeOf(await server.call('DELETE', ITEM)), wanted);
  assert.deepEqual(await listItems(server.db.queries), before, 'nothing was done');
  assert.deepEqual(await alerts(server), []);
  assert.equal((await protect(server)).status, 202);
  const request = /must hold '([^']+)'/.exec(stop.body.error.message)?.[1];
  const consented = await putItem(server, 'web01', { ...STOP, resourceGuardOperationRequests: [request] });
  assert.equal(consented.status, 202, JSON.stringify(consented.body));
});

test('an item with as many points as it may have is not backed up on demand', async () => {
  await using server = await opened();
  await protect(server);
  await addPoint(server, '1001', 1);
  limit(server, { pointsOfItem: 1 });
  const backUp = () => server.call('POST', `${ITEM}/backup`, { properties: { objectType: 'IaasVMBackupRequest' } });
  const refused = await backUp();
  assert.deepEqual(codeOf(refused), [409, 'UserErrorRecoveryPointLimitReached']);
  assert.match(JSON.stringify(refused.body), /pointsOfItem/);
  limit(server, { pointsOfItem: 2 });
  assert.equal((await backUp()).status, 202);
});
