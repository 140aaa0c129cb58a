import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dueNotifications, updateNotification } from '../../db/notifications.ts';
import { makeVault, VAULT } from '../testing/paths.ts';
import { SUBSCRIPTION, type TestServer, testServer } from '../testing/testServer.ts';

const GROUP = VAULT.split('/providers/')[0] ?? '';
const KEEPERS = `${GROUP}/providers/Microsoft.Insights/actionGroups/keepers`;
const RULE = `${GROUP}/providers/Microsoft.AlertsManagement/actionRules/tell`;
const MAIL = { name: 'keeper', emailAddress: 'keeper@quay.example', useCommonAlertSchema: true };
const HOOK = { name: 'pager', serviceUri: 'https://pager.example/hook' };

const putGroup = (server: TestServer, properties: object = {}) =>
  server.call(
    'PUT',
    KEEPERS,
    {
      location: 'Global',
      properties: {
        groupShortName: 'keep',
        emailReceivers: [MAIL],
        webhookReceivers: [HOOK],
        smsReceivers: [],
        ...properties,
      },
    },
    '2022-06-01',
  );
const putRule = (server: TestServer, properties: object = {}) =>
  server.call(
    'PUT',
    RULE,
    {
      location: 'Global',
      properties: {
        scopes: [VAULT],
        actions: [{ actionType: 'AddActionGroups', actionGroupIds: [KEEPERS] }],
        ...properties,
      },
    },
    '2021-08-08',
  );

test('an action group is made, shown, listed, switched off and deleted', async () => {
  await using server = await testServer();
  await makeVault(server);
  const made = await putGroup(server);
  assert.equal(made.status, 201, JSON.stringify(made.body));
  assert.deepEqual([made.body.location, made.body.properties.enabled], ['global', true]);
  assert.deepEqual(made.body.properties.emailReceivers, [{ ...MAIL, status: 'Enabled' }]);
  assert.deepEqual(made.body.properties.smsReceivers, []);
  const listed = await server.call('GET', `/subscriptions/${SUBSCRIPTION}/providers/microsoft.insights/actionGroups`);
  assert.deepEqual(
    listed.body.value.map(({ id }: { id: string }) => id),
    [KEEPERS],
  );
  const off = await server.call('PATCH', KEEPERS, { tags: { a: 'b' }, properties: { enabled: false } });
  assert.deepEqual(
    [off.status, off.body.properties.enabled, off.body.properties.webhookReceivers.length],
    [200, false, 1],
  );
  assert.equal((await server.call('DELETE', KEEPERS)).status, 200);
  assert.equal((await server.call('GET', KEEPERS)).status, 404);
});

test('a group tells what it cannot do: other receivers, webhooks in clear or to metadata, names twice', async () => {
  await using server = await testServer();
  await makeVault(server);
  for (const wrong of [
    { smsReceivers: [{ name: 'x', countryCode: '1', phoneNumber: '5' }] },
    { webhookReceivers: [{ ...HOOK, serviceUri: 'http://pager.example/' }] },
    { webhookReceivers: [{ ...HOOK, serviceUri: 'https://169.254.169.254/' }] },
    { webhookReceivers: [{ ...HOOK, useAadAuth: true }] },
    { webhookReceivers: [{ ...HOOK, name: 'KEEPER' }] },
    { emailReceivers: [{ ...MAIL, emailAddress: 'a@b.example, c@d.example' }] },
    { emailReceivers: [{ ...MAIL, emailAddress: 'a@b.example\r\nBcc: c@d.example' }] },
    { groupShortName: 'much longer than twelve' },
  ])
    assert.equal((await putGroup(server, wrong)).status, 400, JSON.stringify(wrong));
});

test('a mail receiver that was switched off is taken in again', async () => {
  await using server = await testServer();
  await makeVault(server);
  await putGroup(server, { emailReceivers: [{ ...MAIL, status: 'Disabled' }] });
  const enable = (receiverName: string) => server.call('POST', `${KEEPERS}/subscribe`, { receiverName });
  assert.equal((await enable('nobody')).status, 404);
  assert.equal((await enable('Keeper')).status, 200);
  assert.equal((await server.call('GET', KEEPERS)).body.properties.emailReceivers[0].status, 'Enabled');
  assert.equal((await enable('keeper')).status, 409);
});

test('a test of receivers goes through the outbox, and is over when each was tried', async () => {
  await using server = await testServer();
  await makeVault(server);
  await putGroup(server);
  const body = { alertType: 'budget', emailReceivers: [MAIL], webhookReceivers: [HOOK] };
  const accepted = await server.call('POST', `${KEEPERS}/createNotifications`, body, '2022-06-01');
  assert.equal(accepted.status, 202, JSON.stringify(accepted.body));
  const poll = accepted.headers.location ?? '';
  assert.equal((await server.call('GET', poll)).status, 202);
  const { queries } = server.db;
  const [mail, hook] = await dueNotifications(queries, server.clock.now(), 10);
  assert.ok(mail && hook);
  await updateNotification(queries, { ...mail, state: 'sent', attempts: 1, endedAt: server.clock.now() });
  await updateNotification(queries, { ...hook, attempts: 1, lastError: 'the receiver answered 500' });
  const over = await server.call('GET', poll);
  assert.deepEqual([over.status, over.body.state], [200, 'Complete']);
  assert.deepEqual(
    over.body.actionDetails.map((one: { Name: string; Status: string }) => [one.Name, one.Status]).sort(),
    [
      [mail.receiver.name, 'Completed'],
      [hook.receiver.name, 'Failed'],
    ].sort(),
  );
  assert.equal(
    (await server.call('POST', `${KEEPERS}/createNotifications`, { alertType: 'x' }, '2022-06-01')).status,
    400,
  );
  const other = poll.replace('/keepers/', '/others/');
  assert.equal((await server.call('GET', other)).status, 404);
});

test('a processing rule is made of scopes, conditions, a schedule and actions', async () => {
  await using server = await testServer();
  await makeVault(server);
  await putGroup(server);
  const conditions = [{ field: 'Severity', operator: 'Equals', values: ['Sev0'] }];
  const schedule = {
    timeZone: 'W. Europe Standard Time',
    recurrences: [{ recurrenceType: 'Weekly', daysOfWeek: ['Monday'] }],
  };
  const made = await putRule(server, { conditions, schedule, description: 'nights' });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  assert.deepEqual([made.body.properties.enabled, made.body.properties.conditions], [true, conditions]);
  const off = await server.call('PATCH', RULE, { properties: { enabled: false } }, '2021-08-08');
  assert.deepEqual([off.body.properties.enabled, off.body.properties.schedule], [false, schedule]);
  for (const wrong of [
    { scopes: [] },
    { scopes: ['/subscriptions/00000000-0000-0000-0000-000000000000'] },
    { scopes: ['somewhere'] },
    { conditions: [{ field: 'Colour', operator: 'Equals', values: ['x'] }] },
    { schedule: { timeZone: 'Middle Earth' } },
    { schedule: { effectiveFrom: '2026-13-40T00:00:00' } },
    { actions: [] },
  ])
    assert.equal((await putRule(server, wrong)).status, 400, JSON.stringify(wrong));
});

test('whoever makes a rule must have its right over every scope and group it names', async () => {
  await using server = await testServer();
  await makeVault(server);
  await putGroup(server);
  server.denied.add('Microsoft.Insights/actionGroups/read');
  assert.equal((await putRule(server)).status, 403);
  server.denied.clear();
  server.denied.add('Microsoft.AlertsManagement/actionRules/write');
  assert.equal((await putRule(server)).status, 403);
});
