import assert from 'node:assert/strict';
import { test } from 'node:test';
import type {
  AzureIaaSVMJob,
  AzureIaaSVMProtectedItem,
  ExportJobsOperationResultInfo,
  RecoveryServicesBackupClient,
} from '@azure/arm-recoveryservicesbackup';
import { addPoint } from '../../src/api/testing/points.ts';
import { SUBSCRIPTION } from '../../src/api/testing/testServer.ts';
import { deleteItem, listItems } from '../../src/db/items.ts';
import { listening } from './clients.ts';

const [GROUP, VAULT, FABRIC] = ['Shop', 'safe', 'Azure'];
const CONTAINER = 'IaasVMContainer;iaasvmcontainerv2;Shop;web01';
const ITEM = 'VM;iaasvmcontainerv2;Shop;web01';
const VAULT_ID = `/subscriptions/${SUBSCRIPTION}/resourceGroups/${GROUP}/providers/Microsoft.RecoveryServices/vaults/${VAULT}`;

test('groups, vaults and machines through the official clients', async () => {
  await using clients = await listening();
  const { resources, vaults, compute } = clients;
  const group = await resources.resourceGroups.createOrUpdate('Office', { location: 'westeurope', tags: { a: 'b' } });
  assert.equal(group.properties?.provisioningState, 'Succeeded');
  assert.equal((await resources.resourceGroups.checkExistence('None')).body, false);
  const made = await vaults.vaults.createOrUpdate('Office', 'paper', {
    location: 'westeurope',
    sku: { name: 'RS0' },
    properties: { publicNetworkAccess: 'Enabled' },
  });
  assert.equal(made.properties?.provisioningState, 'Succeeded');
  const patched = await vaults.vaults.update('Office', 'paper', { tags: { c: 'd' } });
  assert.deepEqual(patched.tags, { c: 'd' });
  assert.deepEqual(await names(vaults.vaults.listBySubscriptionId()), ['paper']);
  assert.deepEqual(await names(vaults.operations.list()).then((all) => all.length > 20), true);
  const free = await vaults.recoveryServices.checkNameAvailability('Office', 'westeurope', { name: 'paper' });
  assert.equal(free.nameAvailable, false);
  await vaults.vaults.delete('Office', 'paper');
  await assert.rejects(vaults.vaults.get('Office', 'paper'), { statusCode: 404, code: 'ResourceNotFound' });
  await resources.resourceGroups.delete('Office');
  assert.deepEqual(await names(compute.virtualMachines.listAll()), ['db01', 'web01']);
  const machine = await compute.virtualMachines.get(GROUP, 'web01', { expand: 'instanceView' });
  assert.equal(machine.storageProfile?.osDisk?.osType, 'Linux');
  assert.equal(machine.instanceView?.statuses?.[1]?.code, 'PowerState/running');
});

test('the whole way of a protected machine through the official clients', async () => {
  await using clients = await listening();
  const { server, vaults, backup } = clients;
  await vaults.vaults.createOrUpdate(GROUP, VAULT, { location: 'westeurope', sku: { name: 'RS0' }, properties: {} });
  const policy = await makePolicy(backup);
  await backup.protectionContainers.refresh(VAULT, GROUP, FABRIC);
  const filter = "backupManagementType eq 'AzureIaasVM'";
  assert.equal((await names(backup.backupProtectableItems.list(VAULT, GROUP, { filter }))).length, 2);
  await enable(backup, policy.id);
  assert.equal((await readItem(backup)).protectionState, 'IRPending');
  await backup.backups.trigger(VAULT, GROUP, FABRIC, CONTAINER, ITEM, {
    properties: { objectType: 'IaasVMBackupRequest' },
  });
  const jobs = await all(backup.backupJobs.list(VAULT, GROUP, { filter: "status eq 'InProgress'" }));
  assert.equal(jobs[0]?.properties?.operation, 'Backup');
  const job = (await backup.jobDetails.get(VAULT, GROUP, jobs[0]?.name ?? '')).properties as AzureIaaSVMJob;
  assert.ok(job.startTime instanceof Date);
  assert.equal(job.extendedInfo?.tasksList?.[0]?.taskId, 'Take Snapshot');
  await backup.jobCancellations.trigger(VAULT, GROUP, jobs[0]?.name ?? '');
  await addPoint(server, '1001', 1);
  const points = await all(backup.recoveryPoints.list(VAULT, GROUP, FABRIC, CONTAINER, ITEM));
  assert.equal(points[0]?.properties?.objectType, 'IaasVMRecoveryPoint');
  await assert.rejects(
    backup.restores.beginTriggerAndWait(VAULT, GROUP, FABRIC, CONTAINER, ITEM, '1001', {
      properties: { objectType: 'IaasVMRestoreRequest', recoveryType: 'RestoreDisks', storageAccountId: '/x' },
    }),
    { statusCode: 400, code: 'UserErrorStagingAccountInvalid' },
  );
});

test('stop, resume, delete, undelete and the end of a vault through the official clients', async () => {
  await using clients = await listening();
  const { server, vaults, backup } = clients;
  await vaults.vaults.createOrUpdate(GROUP, VAULT, { location: 'westeurope', sku: { name: 'RS0' }, properties: {} });
  const policy = await makePolicy(backup);
  await enable(backup, policy.id);
  await assert.rejects(backup.protectionPolicies.beginDeleteAndWait(VAULT, GROUP, 'nightly'), {
    code: 'BMSUserErrorPolicyObjectInUse',
  });
  await change(backup, { policyId: '', protectionState: 'ProtectionStopped' });
  assert.equal((await readItem(backup)).protectionState, 'ProtectionStopped');
  await backup.protectionPolicies.beginDeleteAndWait(VAULT, GROUP, 'nightly');
  await backup.protectedItems.delete(VAULT, GROUP, FABRIC, CONTAINER, ITEM);
  assert.equal((await readItem(backup)).isScheduledForDeferredDelete, true);
  await change(backup, { policyId: '', protectionState: 'ProtectionStopped', isRehydrate: true });
  assert.equal((await readItem(backup)).isScheduledForDeferredDelete, undefined);
  await assert.rejects(vaults.vaults.delete(GROUP, VAULT), /existing resources within the vault/);
  for (const item of await listItems(server.db.queries)) await deleteItem(server.db.queries, item.id);
  await vaults.vaults.delete(GROUP, VAULT);
  assert.deepEqual(await names(vaults.vaults.listByResourceGroup(GROUP)), []);
});

test('jobs through the official client: list, get, cancel, export', async () => {
  await using clients = await listening();
  const { backup, server, vaults } = clients;
  await vaults.vaults.createOrUpdate(GROUP, VAULT, { location: 'westeurope', sku: { name: 'RS0' }, properties: {} });
  const policy = await makePolicy(backup);
  await enable(backup, policy.id);
  await backup.backups.trigger(VAULT, GROUP, FABRIC, CONTAINER, ITEM, {
    properties: { objectType: 'IaasVMBackupRequest' },
  });
  const [running] = await all(backup.backupJobs.list(VAULT, GROUP, { filter: "operation eq 'Backup'" }));
  const name = running?.name ?? '';
  const { properties } = await backup.jobDetails.get(VAULT, GROUP, name);
  const job = properties as AzureIaaSVMJob;
  assert.deepEqual([job.jobType, job.actionsInfo, job.activityId], ['AzureIaaSVMJob', ['Cancellable'], name]);
  assert.ok(job.startTime instanceof Date && job.extendedInfo?.tasksList?.length === 2);
  let cancelled = '';
  await backup.jobCancellations.trigger(VAULT, GROUP, name, {
    onResponse: (response) => (cancelled = response.headers.get('location') ?? ''),
  });
  const operation = cancelled.split('?')[0]?.split('/').at(-1) ?? '';
  await backup.jobOperationResults.get(VAULT, GROUP, name, operation);
  assert.equal((await backup.jobDetails.get(VAULT, GROUP, name)).properties?.status, 'Cancelling');
  let exported = '';
  await backup.jobs.export(VAULT, GROUP, {
    filter: "status eq 'Completed'",
    onResponse: (response) => (exported = response.headers.get('location') ?? ''),
  });
  const id = exported.split('?')[0]?.split('/').at(-1) ?? '';
  const result = (await backup.exportJobsOperationResults.get(VAULT, GROUP, id)).operation;
  assert.equal(result?.objectType, 'ExportJobsOperationResultInfo');
  const { blobUrl, blobSasKey } = result as ExportJobsOperationResultInfo;
  const file = await server.app.inject({ method: 'GET', url: `${new URL(blobUrl ?? '').pathname}${blobSasKey}` });
  assert.deepEqual(
    (file.json() as { properties: { operation: string } }[]).map((one) => one.properties.operation),
    ['ConfigureBackup'],
  );
});

const makePolicy = (backup: RecoveryServicesBackupClient) => {
  const at = new Date('2026-01-05T22:00:00Z');
  return backup.protectionPolicies.createOrUpdate(VAULT, GROUP, 'nightly', {
    properties: {
      backupManagementType: 'AzureIaasVM',
      schedulePolicy: {
        schedulePolicyType: 'SimpleSchedulePolicy',
        scheduleRunFrequency: 'Daily',
        scheduleRunTimes: [at],
      },
      retentionPolicy: {
        retentionPolicyType: 'LongTermRetentionPolicy',
        dailySchedule: { retentionTimes: [at], retentionDuration: { count: 14, durationType: 'Days' } },
      },
      instantRpRetentionRangeInDays: 2,
      timeZone: 'UTC',
    },
  });
};

const enable = (backup: RecoveryServicesBackupClient, policyId = '') =>
  change(backup, {
    policyId,
    sourceResourceId: `/subscriptions/${SUBSCRIPTION}/resourceGroups/${GROUP}/providers/Microsoft.Compute/virtualMachines/web01`,
  });

/** As the client does it: the call, then the operation by the last segment of its header until it has ended. */
async function change(
  backup: RecoveryServicesBackupClient,
  properties: Partial<AzureIaaSVMProtectedItem>,
): Promise<void> {
  let polled = '';
  await backup.protectedItems.createOrUpdate(
    VAULT,
    GROUP,
    FABRIC,
    CONTAINER,
    ITEM,
    { properties: { ...properties, protectedItemType: 'Microsoft.Compute/virtualMachines' } },
    { onResponse: (response) => (polled = response.headers.get('azure-asyncoperation') ?? '') },
  );
  const id = polled.split('?')[0]?.split('/').at(-1) ?? '';
  const status = await backup.protectedItemOperationStatuses.get(VAULT, GROUP, FABRIC, CONTAINER, ITEM, id);
  assert.equal(status.status, 'Succeeded');
  assert.equal(status.properties?.objectType, 'OperationStatusJobExtendedInfo');
}

async function readItem(backup: RecoveryServicesBackupClient): Promise<AzureIaaSVMProtectedItem> {
  const { id, properties } = await backup.protectedItems.get(VAULT, GROUP, FABRIC, CONTAINER, ITEM);
  assert.ok(id?.startsWith(VAULT_ID));
  return properties as AzureIaaSVMProtectedItem;
}

async function all<T>(pages: AsyncIterable<T>): Promise<T[]> {
  return Array.fromAsync(pages);
}

const names = async (pages: AsyncIterable<{ name?: string }>): Promise<(string | undefined)[]> =>
  (await all(pages)).map((one) => one.name);
