import assert from 'node:assert/strict';
import type { AzureIaaSVMProtectedItem, AzureIaaSVMProtectionPolicy } from '@azure/arm-recoveryservicesbackup';
import { machinePath, VAULT as VAULT_ID } from '../../src/api/testing/paths.ts';
import { addPoint } from '../../src/api/testing/points.ts';
import { listItems } from '../../src/db/items.ts';
import { ACCOUNT, all, CONTAINER, FABRIC, GROUP, ITEM, names, polled, REGION, VAULT, type World } from './world.ts';

const at = new Date('2026-01-05T22:00:00Z');
const NIGHTLY: AzureIaaSVMProtectionPolicy = {
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
};
const machine = { resourceType: 'VM', resourceId: machinePath('web01') } as const;
const live = "backupManagementType eq 'AzureIaasVM'";

/** What is asked before a machine is protected. */
export async function callPreChecks({ backup }: World): Promise<void> {
  assert.ok((await names(backup.operations.list())).length > 20);
  assert.equal((await backup.backupStatus.get(REGION, machine)).protectionStatus, 'NotProtected');
  const ready = await backup.protectionIntentOperations.validate(REGION, { ...machine, vaultId: VAULT_ID });
  assert.equal(ready.status, 'Succeeded');
  const feature = { featureType: 'AzureVMResourceBackup', vmSize: 'Basic_A0', vmSku: 'Premium' } as const;
  assert.equal((await backup.featureSupport.validate(REGION, feature)).supportStatus, 'Supported');
  const free = await names(backup.backupProtectableItems.list(VAULT, GROUP, { filter: live }));
  assert.ok(
    free.some((name) => name?.endsWith(';web01')),
    String(free),
  );
  assert.deepEqual(await all(backup.protectableContainers.list(VAULT, GROUP, FABRIC)), []);
  assert.deepEqual(await all(backup.backupEngines.list(VAULT, GROUP)), []);
  const poll = polled();
  await backup.protectionContainers.refresh(VAULT, GROUP, FABRIC, poll.options);
  await backup.protectionContainerRefreshOperationResults.get(VAULT, GROUP, FABRIC, poll.id());
}

export async function callPolicies({ backup }: World): Promise<void> {
  const made = await backup.protectionPolicies.createOrUpdate(VAULT, GROUP, 'nightly', { properties: NIGHTLY });
  assert.equal((await backup.protectionPolicies.get(VAULT, GROUP, 'nightly')).id, made.id);
  assert.deepEqual((await names(backup.backupPolicies.list(VAULT, GROUP, { filter: live }))).includes('nightly'), true);
  for (const operations of [backup.protectionPolicyOperationStatuses, backup.protectionPolicyOperationResults])
    await assert.rejects(operations.get(VAULT, GROUP, 'nightly', 'unknown'), { statusCode: 404 });
  await backup.protectionPolicies.beginDeleteAndWait(VAULT, GROUP, 'nightly');
  await assert.rejects(backup.protectionPolicies.get(VAULT, GROUP, 'nightly'), { statusCode: 404 });
}

export async function callIntents({ backup }: World): Promise<void> {
  const intent = 'vm;iaasvmcontainerv2;shop;web01';
  const policyId = `${VAULT_ID}/backupPolicies/DefaultPolicy`;
  await backup.protectionIntentOperations.createOrUpdate(VAULT, GROUP, FABRIC, intent, {
    properties: { protectionIntentItemType: 'AzureResourceItem', sourceResourceId: machine.resourceId, policyId },
  });
  const read = await backup.protectionIntentOperations.get(VAULT, GROUP, FABRIC, intent);
  assert.equal(read.properties?.policyId, policyId);
  assert.deepEqual(await names(backup.backupProtectionIntent.list(VAULT, GROUP)), [intent]);
  await backup.protectionIntentOperations.delete(VAULT, GROUP, FABRIC, intent);
}

/** The container and its item, from enabling to what lists show. */
export async function callProtection({ backup }: World): Promise<void> {
  const properties = {
    protectedItemType: 'Microsoft.Compute/virtualMachines',
    sourceResourceId: machine.resourceId,
    policyId: `${VAULT_ID}/backupPolicies/DefaultPolicy`,
  } as const;
  const poll = polled();
  await backup.protectedItems.createOrUpdate(VAULT, GROUP, FABRIC, CONTAINER, ITEM, { properties }, poll.options);
  const asked = [VAULT, GROUP, FABRIC, CONTAINER, ITEM, poll.id()] as const;
  assert.equal((await backup.protectedItemOperationStatuses.get(...asked)).status, 'Succeeded');
  assert.equal((await backup.protectedItemOperationResults.get(...asked)).name, ITEM);
  assert.equal((await backup.backupOperationStatuses.get(VAULT, GROUP, poll.id())).status, 'Succeeded');
  await backup.backupOperationResults.get(VAULT, GROUP, poll.id());
  const { properties: item } = await backup.protectedItems.get(VAULT, GROUP, FABRIC, CONTAINER, ITEM);
  assert.equal((item as AzureIaaSVMProtectedItem).protectionState, 'IRPending');
  assert.deepEqual(await names(backup.backupProtectedItems.list(VAULT, GROUP, { filter: live })), [ITEM]);
  await callContainers({ backup });
}

async function callContainers({ backup }: Pick<World, 'backup'>): Promise<void> {
  const asked = [VAULT, GROUP, FABRIC, CONTAINER] as const;
  const container = await backup.protectionContainers.get(...asked);
  assert.equal(container.properties?.registrationStatus, 'Registered');
  const registered = await backup.protectionContainers.beginRegisterAndWait(...asked, {
    properties: { containerType: 'Microsoft.Compute/virtualMachines', backupManagementType: 'AzureIaasVM' },
  });
  assert.equal(registered.name, CONTAINER);
  const poll = polled();
  await backup.protectionContainers.inquire(...asked, poll.options);
  await backup.protectionContainerOperationResults.get(...asked, poll.id());
  await assert.rejects(backup.protectionContainers.unregister(...asked), {
    code: 'BMSUserErrorContainerHasDatasources',
  });
  const filter = `${live} and status eq 'Registered'`;
  assert.deepEqual(await names(backup.backupProtectionContainers.list(VAULT, GROUP, { filter })), [CONTAINER]);
  assert.deepEqual(await names(backup.backupWorkloadItems.list(...asked)), [ITEM]);
}

/** Recovery points, what may be done with them, and what is only tried. */
export async function callRecoveryPoints({ backup, server }: World): Promise<void> {
  const item = (await listItems(server.db.queries)).find(({ vmName }) => vmName === 'web01');
  await addPoint(server, '1001', 1, { itemId: item?.id ?? '', vaultId: item?.vaultId ?? '' });
  const asked = [VAULT, GROUP, FABRIC, CONTAINER, ITEM] as const;
  assert.deepEqual(await names(backup.recoveryPoints.list(...asked)), ['1001']);
  const point = await backup.recoveryPoints.get(...asked, '1001');
  assert.equal(point.properties?.objectType, 'IaasVMRecoveryPoint');
  const movable = backup.recoveryPointsRecommendedForMove.list(...asked, { objectType: 'x', excludedRPList: [] });
  assert.deepEqual(await all(movable), []);
  await server.call('PUT', ACCOUNT, { location: REGION, sku: { name: 'Standard_LRS' } }, '2022-09-01');
  const properties = {
    objectType: 'IaasVMRestoreRequest',
    ...{ recoveryType: 'RestoreDisks', storageAccountId: ACCOUNT, region: REGION, recoveryPointId: '1001' },
    sourceResourceId: machine.resourceId,
  } as const;
  const validation = {
    id: point.id ?? '',
    properties: { objectType: 'ValidateIaasVMRestoreOperationRequest' as const, restoreRequest: properties },
  };
  const tried = await backup.operation.validate(VAULT, GROUP, validation);
  assert.deepEqual(tried.validateOperationResponse?.validationResults ?? [], []);
  const poll = polled();
  const poller = await backup.validateOperation.beginTrigger(VAULT, GROUP, validation, poll.options);
  await poller.pollUntilDone();
  assert.equal((await backup.validateOperationStatuses.get(VAULT, GROUP, poll.id())).status, 'Succeeded');
  await backup.validateOperationResults.get(VAULT, GROUP, poll.id());
  const restore = await backup.restores.beginTrigger(...asked, '1001', { properties });
  assert.equal(restore.getOperationState().error, undefined);
}

export async function callEndOfProtection({ backup }: World): Promise<void> {
  const asked = [VAULT, GROUP, FABRIC, CONTAINER, ITEM] as const;
  await backup.protectedItems.delete(...asked);
  const { properties: item } = await backup.protectedItems.get(...asked);
  assert.equal(item?.isScheduledForDeferredDelete, true);
  assert.deepEqual(await names(backup.deletedProtectionContainers.list(GROUP, VAULT)), [CONTAINER]);
}
