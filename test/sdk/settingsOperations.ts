import assert from 'node:assert/strict';
import type { AzureIaaSVMJob, ExportJobsOperationResultInfo } from '@azure/arm-recoveryservicesbackup';
import { all, CONTAINER, FABRIC, GROUP, GUARD, ITEM, notServed, polled, REGION, VAULT, type World } from './world.ts';

/** Settings of a vault that the backup provider keeps. */
export async function callVaultSettings({ backup, server }: World): Promise<void> {
  const config = { properties: { softDeleteRetentionPeriodInDays: 30 } };
  assert.equal(
    (await backup.backupResourceVaultConfigs.get(VAULT, GROUP)).properties?.softDeleteFeatureState,
    'AlwaysON',
  );
  await backup.backupResourceVaultConfigs.update(VAULT, GROUP, config);
  const put = await backup.backupResourceVaultConfigs.put(VAULT, GROUP, config);
  assert.equal(put.properties?.softDeleteRetentionPeriodInDays, 30);
  const storage = { properties: { storageModelType: 'LocallyRedundant' } };
  await backup.backupResourceStorageConfigsNonCRR.update(VAULT, GROUP, storage);
  await backup.backupResourceStorageConfigsNonCRR.patch(VAULT, GROUP, storage);
  const shown = await backup.backupResourceStorageConfigsNonCRR.get(VAULT, GROUP);
  assert.equal(shown.properties?.storageModelType, 'LocallyRedundant');
  const encryption = await backup.backupResourceEncryptionConfigs.get(VAULT, GROUP);
  assert.equal(encryption.properties?.encryptionAtRestType, 'MicrosoftManaged');
  await assert.rejects(
    backup.backupResourceEncryptionConfigs.update(VAULT, GROUP, {
      properties: { encryptionAtRestType: 'CustomerManaged' },
    }),
    { statusCode: 400 },
  );
  assert.match((await backup.securityPINs.get(VAULT, GROUP)).securityPIN ?? '', /^\d{8}$/);
  assert.ok(Array.isArray(await all(backup.backupUsageSummaries.list(VAULT, GROUP))));
  await server.call('PUT', GUARD, { location: REGION, properties: {} });
}

/** A guard over the vault, and how it is taken off again. */
export async function callResourceGuards({ backup }: World): Promise<void> {
  const proxy = await backup.resourceGuardProxy.put(VAULT, GROUP, 'VaultProxy', {
    properties: { resourceGuardResourceId: GUARD },
  });
  const read = await backup.resourceGuardProxy.get(VAULT, GROUP, 'VaultProxy');
  assert.equal(read.properties?.resourceGuardResourceId, GUARD);
  assert.equal((await all(backup.resourceGuardProxies.list(VAULT, GROUP))).length, 1);
  const details = proxy.properties?.resourceGuardOperationDetails ?? [];
  const request = details.find((one) => one.vaultCriticalOperation?.endsWith('backupResourceGuardProxies/delete'));
  const unlocked = await backup.resourceGuardProxy.unlockDelete(VAULT, GROUP, 'VaultProxy', {
    resourceGuardOperationRequests: [request?.defaultResourceRequest ?? ''],
    resourceToBeDeleted: proxy.id ?? '',
  });
  assert.ok(unlocked.unlockDeleteExpiryTime);
  await backup.resourceGuardProxy.delete(VAULT, GROUP, 'VaultProxy');
  assert.deepEqual(await all(backup.resourceGuardProxies.list(VAULT, GROUP)), []);
}

/** A backup on demand, its job, and the list of jobs as a file. */
export async function callJobs({ backup }: World): Promise<void> {
  await backup.backups.trigger(VAULT, GROUP, FABRIC, CONTAINER, ITEM, {
    properties: { objectType: 'IaasVMBackupRequest' },
  });
  const [job] = await all(backup.backupJobs.list(VAULT, GROUP, { filter: "operation eq 'Backup'" }));
  const name = job?.name ?? '';
  const { properties } = await backup.jobDetails.get(VAULT, GROUP, name);
  assert.equal((properties as AzureIaaSVMJob).extendedInfo?.tasksList?.[0]?.taskId, 'Take Snapshot');
  const cancelled = polled();
  await backup.jobCancellations.trigger(VAULT, GROUP, name, cancelled.options);
  await backup.jobOperationResults.get(VAULT, GROUP, name, cancelled.id());
  assert.equal((await backup.jobDetails.get(VAULT, GROUP, name)).properties?.status, 'Cancelling');
  const exported = polled();
  await backup.jobs.export(VAULT, GROUP, exported.options);
  const { operation } = await backup.exportJobsOperationResults.get(VAULT, GROUP, exported.id());
  assert.ok((operation as ExportJobsOperationResultInfo).blobUrl);
}

export async function callUnservedOfBackup({ backup }: World): Promise<void> {
  const point = [VAULT, GROUP, FABRIC, CONTAINER, ITEM, '1001'] as const;
  const move = { targetResourceId: 'x', targetRegion: 'x', dataMoveLevel: 'Vault' as const };
  const cost = {
    objectType: 'FetchTieringCostSavingsInfoForVaultRequest',
    sourceTierType: 'HardenedRP',
    targetTierType: 'ArchivedRP',
  } as const;
  const connection = { properties: { objectType: 'IaasVMILRRegistrationRequest' } } as const;
  await notServed(backup.itemLevelRecoveryConnections.provision(...point, connection));
  await notServed(backup.itemLevelRecoveryConnections.revoke(...point));
  await notServed(
    backup.beginMoveRecoveryPointAndWait(...point, {
      objectType: 'x',
      sourceTierType: 'HardenedRP',
      targetTierType: 'ArchivedRP',
    }),
  );
  await notServed(backup.fetchTieringCost.beginPostAndWait(GROUP, VAULT, cost));
  await notServed(backup.getTieringCostOperationResult.get(GROUP, VAULT, 'x'));
  await notServed(backup.tieringCostOperationStatus.get(GROUP, VAULT, 'x'));
  await notServed(backup.beginBMSPrepareDataMoveAndWait(VAULT, GROUP, move));
  await notServed(
    backup.beginBMSTriggerDataMoveAndWait(VAULT, GROUP, {
      ...{ sourceResourceId: 'x', sourceRegion: 'x', correlationId: 'x', dataMoveLevel: 'Vault' },
    }),
  );
  await notServed(backup.bMSPrepareDataMoveOperationResult.get(VAULT, GROUP, 'x'));
  await notServed(backup.getOperationStatus(VAULT, GROUP, 'x'));
  await notServed(backup.privateEndpointConnectionOperations.get(VAULT, GROUP, 'x'));
  await notServed(backup.privateEndpointConnectionOperations.beginPutAndWait(VAULT, GROUP, 'x', {}));
  await notServed(backup.privateEndpointConnectionOperations.beginDeleteAndWait(VAULT, GROUP, 'x'));
  await notServed(backup.privateEndpointOperations.getOperationStatus(VAULT, GROUP, 'x', 'y'));
  await notServed(backup.backupEngines.get(VAULT, GROUP, 'x'));
}
