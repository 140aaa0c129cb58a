import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { LOCATION } from '../guestRig.ts';
import type { AzRig } from './azRig.ts';

/** A vault and its settings. */
export async function vaultCommands(t: TestContext, { az, group, vault }: AzRig): Promise<void> {
  const named = ['-g', group, '-n', vault];
  await t.test('groups', async () => {
    await az.ok('group', 'create', '-n', 'office', '-l', LOCATION, '--tags', 'floor=2');
    assert.equal((await az.run('group', 'exists', '-n', 'office')).stdout.trim(), 'true');
    assert.equal((await az.run('group', 'exists', '-n', 'nowhere')).stdout.trim(), 'false');
    assert.equal((await az.ok('group', 'show', '-n', 'office')).tags.floor, '2');
    assert.deepEqual(
      (await names(az.ok('group', 'list'))).filter((name) => name === 'office'),
      ['office'],
    );
    await az.ok('group', 'delete', '-n', 'office', '--yes');
    assert.equal((await az.fails('group', 'show', '-n', 'office')).code, 3);
  });

  await t.test('create, list, show', async () => {
    assert.equal((await az.fails('backup', 'vault', 'show', ...named)).code, 3);
    const made = await az.ok('backup', 'vault', 'create', '-g', group, '-n', vault, '-l', LOCATION, '--tags', 'a=1');
    assert.equal(made.properties.provisioningState, 'Succeeded');
    assert.equal((await az.ok('backup', 'vault', 'show', ...named)).tags.a, '1');
    assert.deepEqual(await names(az.ok('backup', 'vault', 'list')), [vault]);
    assert.deepEqual(await names(az.ok('backup', 'vault', 'list', '-g', group)), [vault]);
    const wrong = await az.fails('backup', 'vault', 'create', '-g', group, '-n', '9lives', '-l', LOCATION);
    assert.match(wrong.stderr, /vaultName|name/);
    const again = await az.ok('backup', 'vault', 'create', '-g', group, '-n', vault, '-l', LOCATION, '--tags', 'a=2');
    assert.equal(again.tags.a, '2');
    if (az.version === '2.45.0') return;
    const changed = await az.ok(
      'backup',
      'vault',
      'update',
      ...named,
      '--tags',
      'a=3',
      '--immutability-state',
      'Unlocked',
    );
    assert.equal(changed.tags.a, '3');
    assert.equal(changed.properties.securitySettings.immutabilitySettings.state, 'Unlocked');
    await az.ok('backup', 'vault', 'update', ...named, '--immutability-state', 'Disabled');
  });

  await t.test('storage redundancy', async () => {
    const properties = ['backup', 'vault', 'backup-properties'];
    await az.ok(...properties, 'set', ...named, '--backup-storage-redundancy', 'LocallyRedundant');
    const shown = await az.ok(...properties, 'show', ...named);
    assert.equal(shown[0].properties.storageModelType, 'LocallyRedundant');
    assert.equal(shown[0].properties.storageTypeState, 'Unlocked');
    const refused = await az.fails(...properties, 'set', ...named, '--cross-region-restore-flag', 'true');
    assert.match(refused.stderr, /GeoRedundant/);
  });

  await t.test('soft delete', async () => {
    const set = ['backup', 'vault', 'backup-properties', 'set', ...named];
    const disable = [...set, '--soft-delete-feature-state', 'Disable'];
    if (az.version === '2.45.0')
      assert.match((await az.fails(...disable)).stderr, /BMSUserErrorSoftDeleteStateAlwaysOn/);
    // the newer CLI sees that it is for ever, and does not ask
    else assert.equal((await az.ok(...disable)).properties.softDeleteFeatureState, 'AlwaysON');
    if (az.version === '2.74.0') {
      await az.ok(...set, '--soft-delete-feature-state', 'AlwaysOn', '--soft-delete-duration', '30');
      const shown = await az.ok('backup', 'vault', 'backup-properties', 'show', ...named);
      assert.equal(shown[1].properties.softDeleteRetentionPeriodInDays, 30);
      const short = await az.ok(...set, '--soft-delete-duration', '3');
      assert.equal(short.properties.softDeleteRetentionPeriodInDays, 30, 'the CLI itself knows the limit, and warns');
      const containers = ['backup', 'vault', 'list-soft-deleted-containers', ...named];
      assert.deepEqual(await az.ok(...containers, '--backup-management-type', 'AzureIaasVM'), []);
    }
  });

  await t.test('identity and encryption', async () => {
    const identity = ['backup', 'vault', 'identity'];
    const assigned = await az.ok(...identity, 'assign', ...named, '--system-assigned');
    assert.equal(assigned.identity.type, 'SystemAssigned');
    assert.match(assigned.identity.principalId, /^[0-9a-f-]{36}$/);
    assert.equal((await az.ok(...identity, 'show', ...named)).type, 'SystemAssigned');
    const key = ['--encryption-key-id', 'https://keys.example/keys/outer/1', '--mi-system-assigned'];
    const refused = await az.fails('backup', 'vault', 'encryption', 'update', ...named, ...key);
    assert.match(refused.stderr, /key/i);
    await az.ok('backup', 'vault', 'encryption', 'show', ...named);
    assert.equal((await az.ok(...identity, 'remove', ...named, '--system-assigned')).identity.type, 'None');
  });

  await t.test('alerts', async () => {
    const set = ['backup', 'vault', 'backup-properties', 'set', ...named];
    const off = await az.ok(...set, '--job-failure-alerts', 'Disable', '--classic-alerts', 'Disable');
    assert.equal(off.properties.monitoringSettings.azureMonitorAlertSettings.alertsForAllJobFailures, 'Disabled');
    await az.ok(...set, '--job-failure-alerts', 'Enable', '--classic-alerts', 'Disable');
  });
}

/** A second person's consent: without it nothing critical is done. */
export async function guardCommands(t: TestContext, { az, group, vault }: AzRig): Promise<void> {
  await t.test('resource guard', async () => {
    const mapping = ['backup', 'vault', 'resource-guard-mapping'];
    const named = ['-g', group, '-n', vault];
    const subscription = (await az.ok('account', 'show')).id;
    const guard = `/subscriptions/${subscription}/resourceGroups/${group}/providers/Microsoft.DataProtection/resourceGuards/second`;
    const body = JSON.stringify({ location: LOCATION, properties: {} });
    await az.ok('rest', '--method', 'put', '--url', `${guard}?api-version=2023-01-01`, '--body', body);
    await az.ok(...mapping, 'update', ...named, '--resource-guard-id', guard);
    const shown = await az.ok(...mapping, 'show', ...named);
    assert.equal(shown.properties.resourceGuardResourceId.toLowerCase(), guard.toLowerCase());
    await az.ok(...mapping, 'delete', ...named, '--yes');
    assert.equal((await az.fails(...mapping, 'show', ...named)).code, 3);
  });
}

const names = async (list: Promise<readonly { name: string }[]>): Promise<string[]> =>
  (await list).map(({ name }) => name);
