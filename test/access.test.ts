import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { pageOfAudit } from '../src/db/auditChain.ts';
import { BUILT_IN_ROLES } from '../src/identity/roleDefinitions.ts';
import { type GateServer, gateServer, SUBSCRIPTION_PATH } from './access/gate.ts';

const { owner, contributor, reader, backupReader, userAccessAdministrator } = BUILT_IN_ROLES;
const GROUP = `${SUBSCRIPTION_PATH}/resourceGroups/harbour`;
const VAULTS = 'providers/Microsoft.RecoveryServices/vaults';
const AUTHORIZATION = 'providers/Microsoft.Authorization';
const PRINCIPALS = `${SUBSCRIPTION_PATH}/providers/Strongroom.Identity/principals`;

const roleId = (id: string): string => `${SUBSCRIPTION_PATH}/${AUTHORIZATION}/roleDefinitions/${id}`;
const assignment = (id: string, principalId: string) => ({ properties: { roleDefinitionId: roleId(id), principalId } });

async function withVaults(server: GateServer, ...names: string[]): Promise<void> {
  const { call, owner: who } = server;
  assert.ok((await call(who, 'PUT', GROUP, { location: 'westeurope' }, '2021-04-01')).status <= 201);
  for (const name of names) {
    const body = { location: 'westeurope', sku: { name: 'RS0', tier: 'Standard' }, properties: {} };
    const { status } = await call(who, 'PUT', `${GROUP}/${VAULTS}/${name}`, body, '2024-04-01');
    assert.ok(status === 200 || status === 201, `${status}`);
  }
}

test('a role is given, counts at once, is found, and is taken again', async () => {
  await using server = await gateServer();
  await withVaults(server, 'quay');
  const { call } = server;
  const clerk = await server.somebody();
  const show = () => call(clerk, 'GET', `${GROUP}/${VAULTS}/quay`, undefined, '2024-04-01');
  assert.equal((await show()).status, 403);
  const path = `${GROUP}/${AUTHORIZATION}/roleAssignments/${randomUUID()}`;
  const given = await call(server.owner, 'PUT', path, assignment(backupReader.id, clerk));
  assert.equal(given.status, 201);
  assert.equal(given.body.properties.principalType, 'ServicePrincipal');
  assert.equal((await call(server.owner, 'PUT', path, assignment(backupReader.id, clerk))).status, 201, 'again');
  const other = `${GROUP}/${AUTHORIZATION}/roleAssignments/${randomUUID()}`;
  const twice = await call(server.owner, 'PUT', other, assignment(backupReader.id, clerk));
  assert.equal(twice.body.error.code, 'RoleAssignmentExists');
  const changed = await call(server.owner, 'PUT', path, assignment(contributor.id, clerk));
  assert.equal(changed.body.error.code, 'RoleAssignmentUpdateNotPermitted');
  assert.equal((await show()).status, 200);
  for (const [filter, count] of [
    ['', 2],
    ["principalId eq '" + clerk + "'", 1],
    [`assignedTo('${clerk}')`, 1],
    ['atScope()', 1],
  ] as const) {
    const query = filter === '' ? '' : `?$filter=${encodeURIComponent(filter)}`;
    const { body } = await call(server.owner, 'GET', `${SUBSCRIPTION_PATH}/${AUTHORIZATION}/roleAssignments${query}`);
    assert.equal(body.value.length, count, filter);
  }
  const bad = await call(server.owner, 'GET', `${GROUP}/${AUTHORIZATION}/roleAssignments?$filter=color%20eq%20'red'`);
  assert.equal(bad.body.error.code, 'InvalidFilter');
  const mine = await call(clerk, 'GET', `${GROUP}/${AUTHORIZATION}/permissions`);
  assert.deepEqual(
    mine.body.value.map((one: { actions: string[] }) => one.actions),
    [[...backupReader.actions]],
  );
  assert.equal((await call(server.owner, 'DELETE', path)).status, 200);
  assert.equal((await show()).status, 403);
  assert.equal((await call(server.owner, 'DELETE', path)).status, 204);
});

test('a role does not outlive its resource: who comes after under the same name owes nothing to it', async () => {
  await using server = await gateServer();
  await withVaults(server, 'quay');
  const { call } = server;
  const vault = `${GROUP}/${VAULTS}/quay`;
  const clerk = await server.somebody(backupReader.id, vault);
  const show = async () => (await call(clerk, 'GET', vault, undefined, '2024-04-01')).status;
  assert.equal(await show(), 200);
  assert.ok((await call(server.owner, 'DELETE', vault, undefined, '2024-04-01')).status < 300);
  await server.test.services.work.idle();
  await withVaults(server, 'quay');
  assert.equal(await show(), 403);
});

test('nobody gives more than he may, nor elsewhere; the last owner stays', async () => {
  await using server = await gateServer();
  const { call } = server;
  const groupOwner = await server.somebody(owner.id, GROUP);
  const helper = await server.somebody(contributor.id);
  const stranger = await server.somebody();
  const put = (who: string, scope: string, role: string, whom: string) =>
    call(who, 'PUT', `${scope}/${AUTHORIZATION}/roleAssignments/${randomUUID()}`, assignment(role, whom));
  assert.equal((await put(groupOwner, GROUP, owner.id, stranger)).status, 201);
  assert.equal((await put(groupOwner, SUBSCRIPTION_PATH, reader.id, groupOwner)).status, 403);
  assert.equal((await put(helper, GROUP, reader.id, helper)).status, 403, 'a contributor');
  assert.equal((await put(server.owner, GROUP, randomUUID(), stranger)).body.error.code, 'RoleDefinitionDoesNotExist');
  assert.equal((await put(server.owner, GROUP, reader.id, randomUUID())).body.error.code, 'PrincipalNotFound');
  const owners = await call(
    server.owner,
    'GET',
    `${SUBSCRIPTION_PATH}/${AUTHORIZATION}/roleAssignments?$filter=atScope()`,
  );
  const last = owners.body.value.find((one: { properties: { roleDefinitionId: string } }) =>
    one.properties.roleDefinitionId.endsWith(owner.id),
  );
  assert.match((await call(server.owner, 'DELETE', last.id)).body.error.message, /last RBAC admin/);
  const self = await call(server.owner, 'DELETE', `${PRINCIPALS}/${server.owner}`, undefined, '2026-01-01');
  assert.equal(self.status, 409);
  const disabled = await call(
    server.owner,
    'PATCH',
    `${PRINCIPALS}/${server.owner}`,
    { properties: { isEnabled: false } },
    '2026-01-01',
  );
  assert.equal(disabled.status, 409);
  assert.equal((await put(server.owner, SUBSCRIPTION_PATH, owner.id, stranger)).status, 201);
  assert.equal((await call(server.owner, 'DELETE', last.id)).status, 200, 'now there is another');
});

test('custom roles: made, listed where they can be given, given there only, kept while they are held', async () => {
  await using server = await gateServer();
  const { call } = server;
  const role = `${SUBSCRIPTION_PATH}/${AUTHORIZATION}/roleDefinitions/${randomUUID()}`;
  const body = (actions: string[], scopes = [GROUP]) => ({
    properties: { roleName: 'Harbour Watch', assignableScopes: scopes, permissions: [{ actions, notActions: [] }] },
  });
  assert.equal((await call(server.owner, 'PUT', role, body(['Microsoft.Resources/*/read']))).status, 201);
  assert.equal((await call(server.owner, 'PUT', role, body(['*'], ['/']))).body.error.code, 'InvalidRoleDefinition');
  assert.equal((await call(server.owner, 'PUT', role, body(['../x']))).status, 400);
  const groupUser = await server.somebody(userAccessAdministrator.id, GROUP);
  const widened = await call(
    groupUser,
    'PUT',
    role.replace(SUBSCRIPTION_PATH, GROUP),
    body(['*'], [SUBSCRIPTION_PATH]),
  );
  assert.equal(widened.status, 403, 'beyond the own scope');
  const list = async (scope: string) =>
    (await call(server.owner, 'GET', `${scope}/${AUTHORIZATION}/roleDefinitions?$filter=type%20eq%20'CustomRole'`)).body
      .value.length;
  assert.deepEqual([await list(GROUP), await list(`${SUBSCRIPTION_PATH}/resourceGroups/other`)], [1, 0]);
  const name = role.split('/').at(-1) ?? '';
  const watch = await server.somebody();
  const give = (scope: string) =>
    call(server.owner, 'PUT', `${scope}/${AUTHORIZATION}/roleAssignments/${randomUUID()}`, assignment(name, watch));
  assert.equal((await give(SUBSCRIPTION_PATH)).status, 400);
  assert.equal((await give(GROUP)).status, 201);
  assert.equal((await call(watch, 'HEAD', GROUP, undefined, '2021-04-01')).status, 404, 'may ask');
  assert.equal((await call(server.owner, 'DELETE', role)).body.error.code, 'RoleDefinitionHasAssignments');
  const builtIn = await call(server.owner, 'DELETE', roleId(owner.id));
  assert.equal(builtIn.body.error.code, 'InvalidRoleDefinition');
});

test('lists show what the caller may see, and nothing to those who hold nothing there', async () => {
  await using server = await gateServer();
  await withVaults(server, 'quay', 'pier');
  const { call } = server;
  const clerk = await server.somebody(backupReader.id, `${GROUP}/${VAULTS}/quay`);
  const names = async (who: string, path: string, version = '2024-04-01') => {
    const { status, body } = await call(who, 'GET', path, undefined, version);
    return status === 200 ? body.value.map((one: { name: string }) => one.name).sort() : status;
  };
  for (const scope of [SUBSCRIPTION_PATH, GROUP]) {
    assert.deepEqual(await names(clerk, `${scope}/${VAULTS}`), ['quay']);
    assert.deepEqual(await names(server.owner, `${scope}/${VAULTS}`), ['pier', 'quay']);
    assert.equal(await names(await server.somebody(), `${scope}/${VAULTS}`), 403);
  }
  assert.deepEqual(await names(clerk, `${SUBSCRIPTION_PATH}/resources`, '2021-04-01'), ['quay']);
  assert.deepEqual(await names(clerk, `${SUBSCRIPTION_PATH}/resourceGroups`, '2021-04-01'), []);
  assert.equal(await names(clerk, `${SUBSCRIPTION_PATH}/resourceGroups/elsewhere/${VAULTS}`), 403);
  assert.equal((await call(clerk, 'GET', `${GROUP}/${VAULTS}/pier`, undefined, '2024-04-01')).status, 403);
  assert.deepEqual(await names(clerk, `/subscriptions`, '2021-01-01'), [undefined], 'a subscription has no name');
  assert.deepEqual(await names(await server.somebody(), `/subscriptions`, '2021-01-01'), []);
});

test('locks: what they forbid, to everybody, with Azure’s words', async () => {
  await using server = await gateServer();
  await withVaults(server, 'quay');
  const { call } = server;
  const vault = `${GROUP}/${VAULTS}/quay`;
  const lock = (scope: string) => `${scope}/${AUTHORIZATION}/locks/keep`;
  const set = (scope: string, level: string) =>
    call(server.owner, 'PUT', lock(scope), { properties: { level } }, '2016-09-01');
  const remove = () => call(server.owner, 'DELETE', vault, undefined, '2024-04-01');
  const change = () => call(server.owner, 'PATCH', vault, { tags: { a: 'b' } }, '2024-04-01');
  assert.equal((await set(vault, 'CanNotDelete')).status, 201);
  const refused = await remove();
  assert.equal(refused.status, 409);
  assert.equal(refused.body.error.code, 'ScopeLocked');
  assert.equal(
    refused.body.error.message,
    `The scope '${vault}' cannot perform delete operation because following scope(s) are locked: '${vault}'. Please remove the lock and try again.`,
  );
  assert.ok((await change()).status < 300);
  const group = await call(server.owner, 'DELETE', GROUP, undefined, '2021-04-01');
  assert.equal(group.body.error.code, 'ScopeLocked', 'a lock below');
  assert.equal((await call(server.owner, 'DELETE', lock(vault), undefined, '2016-09-01')).status, 200);
  assert.equal((await set(SUBSCRIPTION_PATH, 'ReadOnly')).status, 201);
  for (const answer of [await remove(), await change()]) assert.equal(answer.body.error.code, 'ScopeLocked');
  assert.equal((await call(server.owner, 'GET', vault, undefined, '2024-04-01')).status, 200);
  const contributorHere = await server.somebody(contributor.id);
  assert.equal((await call(contributorHere, 'DELETE', lock(SUBSCRIPTION_PATH), undefined, '2016-09-01')).status, 403);
  const listed = await call(
    server.owner,
    'GET',
    `${GROUP}/${AUTHORIZATION}/locks?$filter=atScope()`,
    undefined,
    '2016-09-01',
  );
  assert.equal(listed.body.value.length, 1);
  assert.equal((await set(vault, 'Whatever')).status, 400);
  assert.equal((await call(server.owner, 'DELETE', lock(SUBSCRIPTION_PATH), undefined, '2016-09-01')).status, 200);
  assert.ok((await remove()).status < 300);
});

test('principals: only who may give roles makes them; a secret is answered once and stands nowhere', async () => {
  await using server = await gateServer();
  const { call } = server;
  const api = '2026-01-01';
  const [id, body] = [randomUUID(), { properties: { kind: 'ServicePrincipal', displayName: 'robot' } }];
  const helper = await server.somebody(contributor.id);
  assert.equal((await call(helper, 'PUT', `${PRINCIPALS}/${id}`, body, api)).status, 403);
  assert.equal((await call(helper, 'POST', `${PRINCIPALS}/${server.owner}/resetSecret`, {}, api)).status, 403);
  const made = await call(server.owner, 'PUT', `${PRINCIPALS}/${id}`, body, api);
  assert.equal(made.status, 201);
  const secret: string = made.body.properties.secretText;
  assert.equal((await call(server.owner, 'PUT', `${PRINCIPALS}/${id}`, body, api)).status, 409, 'once');
  const password = 'a long enough password';
  const user = { properties: { kind: 'User', displayName: 'Bo', userPrincipalName: 'bo@example.org', password } };
  assert.equal((await call(server.owner, 'PUT', `${PRINCIPALS}/${randomUUID()}`, user, api)).status, 201);
  const short = { properties: { ...user.properties, userPrincipalName: 'c@example.org', password: 'short' } };
  assert.equal((await call(server.owner, 'PUT', `${PRINCIPALS}/${randomUUID()}`, short, api)).status, 400);
  const shown = JSON.stringify((await call(server.owner, 'GET', PRINCIPALS, undefined, api)).body);
  const tables = ['principals', 'audit_events'] as const;
  const rows = await Promise.all(tables.map((table) => server.test.db.queries.selectFrom(table).selectAll().execute()));
  for (const text of [shown, JSON.stringify(rows)]) {
    assert.ok(!text.includes(secret) && !text.includes(password) && text.includes('robot'));
  }
  assert.ok(!shown.includes('hash'));
});

test('the audit log tells what was done and refused, and finds out who changed it', async () => {
  await using server = await gateServer();
  await withVaults(server, 'quay');
  const { call, test: world } = server;
  const stranger = await server.somebody();
  await call(stranger, 'GET', `${GROUP}/${VAULTS}/quay`, undefined, '2024-04-01');
  await call('', 'GET', `${GROUP}/${VAULTS}/quay`, undefined, '2024-04-01');
  await call(server.owner, 'GET', `${GROUP}/${VAULTS}/quay`, undefined, '2024-04-01');
  const events = await pageOfAudit(world.db.queries, 100);
  const told = events.map(({ action, status, errorCode }) => [
    action.split('/').slice(-2).join('/'),
    status,
    errorCode,
  ]);
  assert.deepEqual(told.slice(0, 4).reverse(), [
    ['vaults/write', 'Started', undefined],
    ['vaults/write', events[2]?.status, undefined],
    ['vaults/read', 'Failed', 'AuthorizationFailed'],
    ['vaults/read', 'Failed', 'AuthenticationFailed'],
  ]);
  assert.ok(['Accepted', 'Succeeded'].includes(events[2]?.status ?? ''));
  assert.deepEqual((await server.verify()).faults, []);
  for (let i = 0; i < 100; i += 1) await call(stranger, 'GET', `${GROUP}/${VAULTS}/quay`, undefined, '2024-04-01');
  const refusals = await pageOfAudit(world.db.queries, 1000, undefined, { caller: stranger });
  assert.equal(refusals.length, 60, 'a minute’s worth');
  const { body } = await call(
    server.owner,
    'GET',
    `${SUBSCRIPTION_PATH}/providers/Strongroom.Identity/auditEvents`,
    undefined,
    '2026-01-01',
  );
  assert.equal(body.value.length, Math.min(200, events.length + 59));
  await world.db.queries.updateTable('audit_events').set({ caller: 'someone-else' }).where('seq', '=', 2).execute();
  assert.equal((await server.verify()).faults[0]?.seq, 2);
});

test('what cannot be entered into the audit log is not done', async () => {
  await using server = await gateServer();
  await server.test.db.queries.schema.dropTable('audit_events').execute();
  const { status, body } = await server.call(server.owner, 'PUT', GROUP, { location: 'westeurope' }, '2021-04-01');
  assert.deepEqual([status, body.error.code], [503, 'ServiceUnavailable']);
  assert.equal((await server.call(server.owner, 'GET', GROUP, undefined, '2021-04-01')).status, 404);
});

test('what a deployment and the deletion of a group do is entered one by one, under their correlation id', async () => {
  await using server = await gateServer();
  await withVaults(server, 'quay');
  const { call, owner: who } = server;
  const networks = `${GROUP}/providers/Microsoft.Network/virtualNetworks`;
  const one = { type: 'Microsoft.Network/virtualNetworks', apiVersion: '2022-01-01', name: 'inner' };
  const template = { resources: [{ ...one, location: 'westeurope' }] };
  const events = async (path: string) => {
    await server.test.services.work.idle();
    return (await pageOfAudit(server.test.db.queries, 200)).filter(
      ({ resourceId }) => resourceId.toLowerCase() === path.toLowerCase(),
    );
  };
  const deployment = `${GROUP}/providers/Microsoft.Resources/deployments/first`;
  const begun = await call(who, 'PUT', deployment, { properties: { mode: 'Incremental', template } });
  assert.equal(begun.status, 201);
  const [outer] = await events(deployment);
  const made = await events(`${networks}/inner`);
  assert.deepEqual(made.map(({ status }) => status).sort(), ['Started', 'Succeeded']);
  for (const { correlationId, caller, action } of made)
    assert.deepEqual([correlationId, caller, action], [outer!.correlationId, who, `${one.type}/write`]);

  assert.equal((await call(who, 'DELETE', GROUP, undefined, '2021-04-01')).status, 202);
  const [group] = await events(GROUP);
  for (const path of [`${networks}/inner`, `${GROUP}/${VAULTS}/quay`]) {
    const gone = (await events(path)).filter(({ action }) => action.endsWith('/delete'));
    assert.deepEqual(gone.map(({ status }) => status).sort(), ['Started', 'Succeeded'], path);
    assert.equal(gone[0]!.correlationId, group!.correlationId);
  }
  assert.equal((await server.verify()).faults.length, 0);
});
