import assert from 'node:assert/strict';
import { test } from 'node:test';
import { itemPath, protect } from '../../src/api/testing/paths.ts';
import { SUBSCRIPTION } from '../../src/api/testing/testServer.ts';
import { listening } from './clients.ts';

const [GROUP, VAULT] = ['Shop', 'safe'];
const GUARD = `/subscriptions/${SUBSCRIPTION}/resourceGroups/${GROUP}/providers/Microsoft.DataProtection/resourceGuards/keeper`;

test('a vault from its creation to its undeletion through the official client', async () => {
  await using clients = await listening();
  const { vaults, server } = clients;
  const made = await vaults.vaults.createOrUpdate(GROUP, VAULT, {
    location: 'westeurope',
    sku: { name: 'Standard' },
    identity: { type: 'SystemAssigned' },
    properties: {
      publicNetworkAccess: 'Enabled',
      securitySettings: { immutabilitySettings: { state: 'Unlocked' } },
      restoreSettings: { crossSubscriptionRestoreSettings: { crossSubscriptionRestoreState: 'Disabled' } },
    },
  });
  assert.equal(made.properties?.provisioningState, 'Succeeded');
  assert.match(made.identity?.principalId ?? '', /^[0-9a-f-]{36}$/);
  const patched = await vaults.vaults.update(GROUP, VAULT, {
    tags: { team: 'a' },
    properties: {
      redundancySettings: { standardTierStorageRedundancy: 'GeoRedundant', crossRegionRestore: 'Enabled' },
      securitySettings: {
        immutabilitySettings: { state: 'Disabled' },
        softDeleteSettings: { softDeleteState: 'AlwaysON', softDeleteRetentionPeriodInDays: 20 },
      },
    },
  });
  const { properties } = patched;
  assert.deepEqual(
    [
      properties?.redundancySettings?.crossRegionRestore,
      properties?.securitySettings?.softDeleteSettings?.softDeleteRetentionPeriodInDays,
      properties?.restoreSettings?.crossSubscriptionRestoreSettings?.crossSubscriptionRestoreState,
      properties?.secureScore,
      properties?.bcdrSecurityLevel,
    ],
    ['Enabled', 20, 'Disabled', 'Adequate', 'Good'],
  );
  await protect(server);
  await server.call('DELETE', itemPath('web01'));
  await vaults.vaults.delete(GROUP, VAULT);
  const [deleted] = await Array.fromAsync(vaults.deletedVaults.listBySubscriptionId('westeurope'));
  const name = deleted?.name ?? '';
  const one = await vaults.deletedVaults.get('westeurope', name);
  assert.equal(one.properties?.vaultId, made.id);
  assert.equal(Number(one.properties?.purgeAt) - Number(one.properties?.vaultDeletionTime), 20 * 86_400_000);
  const recoveryResourceGroupId = `/subscriptions/${SUBSCRIPTION}/resourceGroups/${GROUP}`;
  await vaults.deletedVaults.undelete('westeurope', name, { properties: { recoveryResourceGroupId } });
  const back = await vaults.vaults.get(GROUP, VAULT);
  assert.deepEqual([back.tags, back.identity], [{ team: 'a' }, undefined]);
});

test('what lies beside a vault, through the official clients', async () => {
  await using clients = await listening();
  const { vaults, backup, server } = clients;
  await vaults.vaults.createOrUpdate(GROUP, VAULT, { location: 'westeurope', sku: { name: 'RS0' }, properties: {} });
  const usages = await Array.fromAsync(vaults.usages.listByVaults(GROUP, VAULT));
  assert.deepEqual(usages.find((usage) => usage.name?.value === 'BackupPolicies')?.currentValue, 2);
  assert.deepEqual(await Array.fromAsync(vaults.replicationUsages.list(GROUP, VAULT)), []);
  const put = await vaults.vaultExtendedInfo.createOrUpdate(GROUP, VAULT, {
    properties: { integrityKey: 'k', algorithm: 'None' },
  });
  assert.equal(put.properties?.integrityKey, 'k');
  assert.equal((await vaults.vaultExtendedInfo.get(GROUP, VAULT)).properties?.algorithm, 'None');
  const config = await backup.backupResourceVaultConfigs.update(VAULT, GROUP, {
    properties: { softDeleteRetentionPeriodInDays: 30 },
  });
  assert.equal(config.properties?.softDeleteFeatureState, 'AlwaysON');
  await assert.rejects(
    backup.backupResourceVaultConfigs.put(VAULT, GROUP, { properties: { softDeleteFeatureState: 'Disabled' } }),
    { code: 'BMSUserErrorSoftDeleteStateAlwaysOn', statusCode: 400 },
  );
  const storage = { properties: { storageModelType: 'LocallyRedundant' } };
  await backup.backupResourceStorageConfigsNonCRR.patch(VAULT, GROUP, storage);
  const shown = await backup.backupResourceStorageConfigsNonCRR.get(VAULT, GROUP);
  assert.equal(shown.properties?.storageModelType, 'LocallyRedundant');
  await server.call('PUT', GUARD, { location: 'westeurope', properties: {} });
  const proxy = await backup.resourceGuardProxy.put(VAULT, GROUP, 'VaultProxy', {
    properties: { resourceGuardResourceId: GUARD },
  });
  const details = proxy.properties?.resourceGuardOperationDetails ?? [];
  const request = details.find((one) => one.vaultCriticalOperation?.endsWith('backupResourceGuardProxies/delete'));
  await assert.rejects(backup.resourceGuardProxy.delete(VAULT, GROUP, 'VaultProxy'), { statusCode: 403 });
  const unlocked = await backup.resourceGuardProxy.unlockDelete(VAULT, GROUP, 'VaultProxy', {
    resourceGuardOperationRequests: [request?.defaultResourceRequest ?? ''],
    resourceToBeDeleted: proxy.id ?? '',
  });
  assert.ok(unlocked.unlockDeleteExpiryTime);
  await backup.resourceGuardProxy.delete(VAULT, GROUP, 'VaultProxy');
  assert.deepEqual(await Array.fromAsync(backup.resourceGuardProxies.list(VAULT, GROUP)), []);
  const pin = await backup.securityPINs.get(VAULT, GROUP);
  assert.match(pin.securityPIN ?? '', /^\d{8}$/);
  const encryption = await backup.backupResourceEncryptionConfigs.get(VAULT, GROUP);
  assert.equal(encryption.properties?.encryptionAtRestType, 'MicrosoftManaged');
});
