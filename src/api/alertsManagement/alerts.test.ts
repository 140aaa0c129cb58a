import assert from 'node:assert/strict';
import { test } from 'node:test';
import { raiseAlert, resolveAlerts } from '../../db/alerts.ts';
import { findVault } from '../../db/vaults.ts';
import type { AlertKind } from '../../vault/alert.ts';
import { makeVault, VAULT } from '../testing/paths.ts';
import { SUBSCRIPTION, type TestServer, testServer } from '../testing/testServer.ts';

const HERE = `/subscriptions/${SUBSCRIPTION}`;
const ALERTS = '/providers/Microsoft.AlertsManagement/alerts';
const SECOND = VAULT.replace('safe', 'second');
const VERSION = '2019-03-01';

const get = async (server: TestServer, path: string) => {
  const { status, body } = await server.call('GET', path, undefined, VERSION);
  assert.equal(status, 200, JSON.stringify(body));
  return body;
};

async function raise(server: TestServer, vault: string, kind: AlertKind, about = 'web01'): Promise<string> {
  const [, , , , group = '', , , , name = ''] = vault.split('/');
  const found = await findVault(server.db.queries, SUBSCRIPTION, group, name);
  assert.ok(found);
  await server.clock.turn(1000);
  const alert = { kind, vaultId: found.id, itemId: about, about, jobId: 'job-1', errorCode: 'StoreFull' };
  return (await raiseAlert(server.db.queries, { ...alert, description: 'No space.', at: server.clock.now() })).id;
}

const rulesOf = (body: { value: { properties: { essentials: { alertRule: string } } }[] }) =>
  body.value.map(({ properties }) => properties.essentials.alertRule);

test('alerts are listed newest first, below subscription, group and vault, and by every filter', async () => {
  await using server = await testServer();
  await makeVault(server);
  await makeVault(server, SECOND);
  await raise(server, VAULT, 'BackupFailure');
  await raise(server, VAULT, 'DeleteBackupData');
  await raise(server, SECOND, 'RestoreFailure');
  await resolveAlerts(server.db.queries, { itemId: 'web01', kind: 'BackupFailure', at: server.clock.now() });
  const list = async (query = '', scope = HERE) => rulesOf(await get(server, `${scope}${ALERTS}${query}`));
  assert.deepEqual(await list(), ['Restore Failure', 'Delete Backup Data', 'Backup Failure']);
  assert.deepEqual(await list('?sortOrder=asc'), ['Backup Failure', 'Delete Backup Data', 'Restore Failure']);
  assert.deepEqual(await list('', VAULT), ['Delete Backup Data', 'Backup Failure']);
  assert.deepEqual(await list('', VAULT.split('/providers/')[0]), await list());
  assert.deepEqual(await list(`?targetResource=${encodeURIComponent(SECOND)}`), ['Restore Failure']);
  assert.deepEqual(await list(`?targetResource=${encodeURIComponent(SECOND)}`, VAULT), []);
  assert.deepEqual(await list('?targetResourceGroup=nowhere'), []);
  assert.deepEqual(await list('?severity=sev0'), ['Delete Backup Data']);
  assert.deepEqual(await list('?monitorCondition=Resolved'), ['Backup Failure']);
  assert.deepEqual(await list('?alertRule=Restore%20Failure&alertState=New'), ['Restore Failure']);
  assert.deepEqual(await list('?monitorService=Platform'), []);
  assert.deepEqual(
    await list('?monitorService=Azure%20Backup&targetResourceType=microsoft.recoveryservices/vaults'),
    await list(),
  );
  await server.clock.turn(2 * 3_600_000);
  assert.deepEqual([await list('?timeRange=1h'), (await list('?timeRange=1d')).length], [[], 3]);
  assert.deepEqual(await list('?customTimeRange=2026-01-05T08:00:00Z/2026-01-05T08:00:01Z'), ['Backup Failure']);
  const page = await get(server, `${HERE}${ALERTS}?pageCount=2`);
  const next = await server.call('GET', page.nextLink);
  assert.deepEqual([rulesOf(page).length, rulesOf(next.body)], [2, ['Backup Failure']]);
  for (const query of ['?severity=9', '?alertState=Gone', '?timeRange=2d', '?customTimeRange=x/y', '?pageCount=0'])
    assert.equal((await server.call('GET', `${HERE}${ALERTS}${query}`, undefined, VERSION)).status, 400, query);
});

test('an alert is acknowledged and closed, and tells what became of it', async () => {
  await using server = await testServer();
  await makeVault(server);
  await makeVault(server, SECOND);
  const id = await raise(server, VAULT, 'BackupFailure');
  const shown = await get(server, `${HERE}${ALERTS}/${id.toUpperCase()}`);
  assert.deepEqual(shown.id, `${VAULT}${ALERTS}/${id}`);
  const { essentials, context } = shown.properties;
  assert.deepEqual(
    [essentials.severity, essentials.targetResourceName, essentials.targetResourceGroup, context.jobId],
    ['Sev1', 'safe', VAULT.split('/')[4], 'job-1'],
  );
  assert.equal((await get(server, shown.id)).name, 'Backup Failure');
  assert.equal((await server.call('GET', `${SECOND}${ALERTS}/${id}`, undefined, VERSION)).status, 404);
  const change = (state: string, body?: unknown) =>
    server.call('POST', `${HERE}${ALERTS}/${id}/changestate?newState=${state}`, body, VERSION);
  assert.equal(
    (await change('Acknowledged', { comments: 'I look at it' })).body.properties.essentials.alertState,
    'Acknowledged',
  );
  assert.equal((await change('closed')).body.properties.essentials.lastModifiedUserName, 'keeper');
  const wrong = await change('Gone');
  assert.deepEqual([wrong.status, wrong.body.error.target], [400, 'newState']);
  const { modifications } = (await get(server, `${HERE}${ALERTS}/${id}/history`)).properties;
  assert.deepEqual(
    modifications.map((one: Record<string, string>) => [
      one.modificationEvent,
      one.oldValue,
      one.newValue,
      one.comments,
    ]),
    [
      ['StateChange', 'Acknowledged', 'Closed', ''],
      ['StateChange', 'New', 'Acknowledged', 'I look at it'],
      ['AlertCreated', '', 'Fired', ''],
    ],
  );
});

test('alerts are counted by one field, or by several within each other', async () => {
  await using server = await testServer();
  await makeVault(server);
  for (const about of ['web01', 'db01']) await raise(server, VAULT, 'BackupFailure', about);
  await raise(server, VAULT, 'UpcomingPurge');
  const summary = (groupby: string) => get(server, `${HERE}${ALERTS}Summary?groupby=${groupby}`);
  const { total, groupedby, values } = (await summary('severity,alertState')).properties;
  assert.deepEqual([total, groupedby], [3, 'severity']);
  assert.deepEqual(values, [
    { name: 'Sev0', count: 1, groupedby: 'alertState', values: [{ name: 'New', count: 1 }] },
    { name: 'Sev1', count: 2, groupedby: 'alertState', values: [{ name: 'New', count: 2 }] },
  ]);
  assert.deepEqual((await summary('alertRule')).properties.values, [
    { name: 'Backup Failure', count: 2 },
    { name: 'Upcoming Purge', count: 1 },
  ]);
  assert.equal((await server.call('GET', `${HERE}${ALERTS}Summary?groupby=colour`, undefined, VERSION)).status, 400);
});

test('each way to alerts has its own action', async () => {
  await using server = await testServer();
  await makeVault(server);
  const id = await raise(server, VAULT, 'BackupFailure');
  const A = 'Microsoft.AlertsManagement/';
  for (const [action, method, path] of [
    [`${A}alerts/read`, 'GET', `${HERE}${ALERTS}`],
    [`${A}alerts/read`, 'GET', `${VAULT}${ALERTS}/${id}`],
    [`${A}alerts/changestate/action`, 'POST', `${HERE}${ALERTS}/${id}/changestate?newState=Closed`],
    [`${A}alerts/history/read`, 'GET', `${HERE}${ALERTS}/${id}/history`],
    [`${A}alertsSummary/read`, 'GET', `${HERE}${ALERTS}Summary?groupby=severity`],
  ] as const) {
    server.denied.add(action);
    assert.equal((await server.call(method, path, undefined, VERSION)).status, 403, path);
    server.denied.clear();
  }
});
