import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import { LOCATION } from '../guestRig.ts';
import type { NeighbourRig } from './neighbourRig.ts';

const AUTHORIZATION = '/providers/Microsoft.Authorization';
const BACKUP_READER = 'a795c7a0-d4a2-40c1-ae25-d81f01202912';
const PASSWORD = 'correct-horse-battery';

/** Locks, roles, and what others see; leaves the first principal signed in. */
export async function accessCommands(t: TestContext, rig: NeighbourRig): Promise<void> {
  const { az, app } = rig;
  const { tenantId } = app.client;
  const scope = `/subscriptions/${app.client.subscriptionId}/resourceGroups/lab`;
  const principals = '/providers/Strongroom.Identity/principals';
  const make = (properties: object) =>
    rig.rest('put', `${principals}/${randomUUID()}?api-version=2026-01-01`, { properties });

  await t.test('locks', async () => {
    await rig.ok('lock create -n fixed --lock-type CanNotDelete -g lab');
    assert.deepEqual(await rig.ok('lock list -g lab --query [].[name,level]'), [['fixed', 'CanNotDelete']]);
    assert.match(await rig.refused('group delete -n lab --yes'), /ScopeLocked/);
    assert.match(await rig.refused('vm delete -g lab -n shop --yes'), /ScopeLocked/);
    await rig.ok('vm update -g lab -n shop --set tags.locked=yes');
    await rig.ok('lock delete -n fixed -g lab');
    await rig.ok('lock create -n still --lock-type ReadOnly -g lab');
    assert.match(await rig.refused(`network nsg create -g lab -n rules2`), /ScopeLocked/);
    await rig.ok('lock delete -n still -g lab');
  });

  await t.test('a service principal with Backup Reader on the group, and nothing else', async () => {
    const { properties: clerk } = await make({ kind: 'ServicePrincipal', displayName: 'clerk' });
    await assignReader(rig, scope, clerk.objectId);
    await rig.ok(`login --service-principal -u ${clerk.appId} -p ${clerk.secretText} --tenant ${tenantId}`);
    assert.deepEqual(await rig.ok('backup vault list --query [].name'), ['keep']);
    assert.equal((await rig.ok(`backup item list -g lab -v keep`)).length, 1);
    assert.deepEqual(await rig.ok('disk list'), []);
    for (const line of [
      `group create -n other -l ${LOCATION}`,
      'vm show -g lab -n shop',
      'storage account keys list -g lab -n stage1',
      'backup protection backup-now -g lab -v keep -c shop -i shop --backup-management-type AzureIaasVM',
      'backup vault delete -g lab -n keep --yes',
      'lock create -n mine --lock-type ReadOnly -g lab',
    ])
      assert.match(await rig.refused(line), /AuthorizationFailed|does not have authorization/, line);
    await az.signIn(app.client);
    await unassignReader(rig, scope, clerk.objectId);
  });

  await t.test('a user with a password', async () => {
    const name = 'alice@example.org';
    const { properties: alice } = await make({
      ...{ kind: 'User', displayName: 'Alice', userPrincipalName: name, password: PASSWORD },
    });
    await assignReader(rig, scope, alice.objectId);
    await rig.ok(`login -u ${name} -p ${PASSWORD} --tenant ${tenantId}`);
    assert.deepEqual(await rig.ok('account show --query user'), { name, type: 'user' });
    assert.deepEqual(await rig.ok('backup vault list --query [].name'), ['keep']);
    await az.signIn(app.client);
    await rig.rest('delete', `${principals}/${alice.objectId}?api-version=2026-01-01`);
  });

  await t.test('the activity log and the alerts', async () => {
    const since = new Date(Date.now() - 3_600_000).toISOString().slice(0, 19);
    const filter = `eventTimestamp ge '${since}Z' and resourceGroupName eq 'lab'`;
    const path = '/providers/microsoft.insights/eventtypes/management/values';
    const { value } = await rig.rest('get', `${path}?api-version=2015-04-01&$filter=${encodeURIComponent(filter)}`);
    const operations = (value as { operationName: { value: string } }[]).map((event) => event.operationName.value);
    assert.ok(operations.includes('Microsoft.Authorization/locks/write'), operations.join());
    // Debian 13's package lacks what the module monitor needs
    if (az.version === '2.45.0')
      assert.ok(
        (await rig.ok('monitor activity-log list -g lab --offset 1h --query [].operationName.value')).length > 1,
      );
    const alerts = await rig.rest('get', '/providers/Microsoft.AlertsManagement/alerts?api-version=2019-05-05-preview');
    assert.ok(Array.isArray(alerts.value));
  });
}

/** Debian 12's package cannot read role definitions, so there the same request is sent by itself. */
async function assignReader(rig: NeighbourRig, scope: string, principalId: string): Promise<void> {
  if (rig.az.version === '2.45.0') {
    const roleDefinitionId = `/subscriptions/${rig.app.client.subscriptionId}${AUTHORIZATION}/roleDefinitions/${BACKUP_READER}`;
    const path = `${scope}${AUTHORIZATION}/roleAssignments/${randomUUID()}?api-version=2022-04-01`;
    await rig.rest('put', path, { properties: { roleDefinitionId, principalId } });
    return;
  }
  const role = ['--role', 'Backup Reader'];
  const names = (await rig.ok('role definition list --query [].roleName')) as string[];
  assert.ok(names.includes('Backup Reader'));
  await rig.az.ok('role', 'assignment', 'create', '--assignee', principalId, ...role, '--scope', scope);
  const listed = await rig.ok(`role assignment list --scope ${scope} --query [].principalId`);
  assert.deepEqual(listed, [principalId]);
}

async function unassignReader(rig: NeighbourRig, scope: string, principalId: string): Promise<void> {
  if (rig.az.version === '2.45.0') return;
  await rig.ok(`role assignment delete --assignee ${principalId} --scope ${scope}`);
  assert.deepEqual(await rig.ok(`role assignment list --scope ${scope}`), []);
}
