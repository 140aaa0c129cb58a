import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AzureIaaSVMProtectedItem, AzureResourceProtectionIntent } from '@azure/arm-recoveryservicesbackup';
import { machinePath, makeVault, protect, VAULT as VAULT_ID } from '../../src/api/testing/paths.ts';
import { addPoint } from '../../src/api/testing/points.ts';
import { listening } from './clients.ts';

const [GROUP, VAULT, FABRIC, REGION] = ['Shop', 'safe', 'Azure', 'westeurope'];
const CONTAINER = 'IaasVMContainer;iaasvmcontainerv2;Shop;web01';
const ITEM = 'VM;iaasvmcontainerv2;Shop;web01';
const policyId = `${VAULT_ID}/backupPolicies/DefaultPolicy`;

const names = async (pages: AsyncIterable<{ name?: string }>) => (await Array.fromAsync(pages)).map(({ name }) => name);

test('pre-checks and intents through the official client', async () => {
  await using clients = await listening();
  const { server, backup } = clients;
  await makeVault(server);
  const machine = { resourceType: 'VM', resourceId: machinePath('web01') } as const;
  assert.equal((await backup.backupStatus.get(REGION, machine)).protectionStatus, 'NotProtected');
  const ready = await backup.protectionIntentOperations.validate(REGION, { ...machine, vaultId: VAULT_ID });
  assert.deepEqual([ready.status, ready.containerName], ['Succeeded', CONTAINER]);
  const feature = { featureType: 'AzureVMResourceBackup', vmSize: 'Basic_A0', vmSku: 'Premium' } as const;
  assert.equal((await backup.featureSupport.validate(REGION, feature)).supportStatus, 'Supported');
  const intent = 'vm;iaasvmcontainerv2;Shop;web01';
  const made = await backup.protectionIntentOperations.createOrUpdate(VAULT, GROUP, FABRIC, intent, {
    properties: { protectionIntentItemType: 'AzureResourceItem', sourceResourceId: machine.resourceId, policyId },
  });
  assert.equal((made.properties as AzureResourceProtectionIntent).protectionState, 'Protecting');
  assert.deepEqual(await names(backup.backupProtectionIntent.list(VAULT, GROUP)), [intent]);
  const read = await backup.protectionIntentOperations.get(VAULT, GROUP, FABRIC, intent);
  assert.equal(read.properties?.policyId, policyId);
  await backup.protectionIntentOperations.delete(VAULT, GROUP, FABRIC, intent);
  assert.deepEqual(await names(backup.backupProtectionIntent.list(VAULT, GROUP)), []);
  const taken = await backup.protectionIntentOperations.validate(REGION, { ...machine, vaultId: VAULT_ID });
  assert.deepEqual([taken.status, taken.errorCode], ['Failed', 'VirtualMachineAlreadyProtected']);
  const status = await backup.backupStatus.get(REGION, machine);
  assert.deepEqual([status.protectionStatus, status.vaultId], ['Protecting', VAULT_ID]);
});

test('containers through the official client, from registration to deletion', async () => {
  await using clients = await listening();
  const { server, backup } = clients;
  await makeVault(server);
  const registered = await backup.protectionContainers.beginRegisterAndWait(VAULT, GROUP, FABRIC, CONTAINER, {
    properties: { containerType: 'Microsoft.Compute/virtualMachines', backupManagementType: 'AzureIaasVM' },
  });
  assert.equal(registered.properties?.registrationStatus, 'NotRegistered');
  await backup.protectionContainers.refresh(VAULT, GROUP, FABRIC);
  const free = "backupManagementType eq 'AzureIaasVM'";
  assert.equal((await names(backup.backupProtectableItems.list(VAULT, GROUP, { filter: free }))).length, 2);
  await protect(server);
  assert.equal((await names(backup.backupProtectableItems.list(VAULT, GROUP, { filter: free }))).length, 1);
  await backup.protectionContainers.inquire(VAULT, GROUP, FABRIC, CONTAINER);
  const container = await backup.protectionContainers.get(VAULT, GROUP, FABRIC, CONTAINER);
  assert.deepEqual([container.name, container.properties?.registrationStatus], [CONTAINER, 'Registered']);
  await assert.rejects(backup.protectionContainers.unregister(VAULT, GROUP, FABRIC, CONTAINER), {
    code: 'BMSUserErrorContainerHasDatasources',
  });
  const live = "backupManagementType eq 'AzureIaasVM' and status eq 'Registered'";
  assert.deepEqual(await names(backup.backupProtectionContainers.list(VAULT, GROUP, { filter: live })), [CONTAINER]);
  await backup.protectedItems.delete(VAULT, GROUP, FABRIC, CONTAINER, ITEM);
  assert.deepEqual(await names(backup.backupProtectionContainers.list(VAULT, GROUP, { filter: live })), []);
  assert.deepEqual(await names(backup.deletedProtectionContainers.list(GROUP, VAULT)), [CONTAINER]);
});

test('every field of an item comes through the official client', async () => {
  await using clients = await listening();
  const { server, backup } = clients;
  await makeVault(server);
  await protect(server);
  await addPoint(server, '1001', 5);
  await addPoint(server, '1002', 1);
  const expanded = { filter: "expand eq 'extendedinfo'" };
  const { properties } = await backup.protectedItems.get(VAULT, GROUP, FABRIC, CONTAINER, ITEM, expanded);
  const item = properties as AzureIaaSVMProtectedItem;
  assert.deepEqual(
    [item.vaultId, item.policyName, item.softDeleteRetentionPeriodInDays, item.isArchiveEnabled],
    [VAULT_ID, 'DefaultPolicy', 14, false],
  );
  assert.deepEqual([item.healthStatus, item.healthDetails, item.kpisHealths], ['Passed', [], {}]);
  assert.match(item.protectedItemDataId ?? '', /^[0-9a-f-]{36}$/);
  assert.equal(item.lastRecoveryPoint?.toISOString(), '2026-01-04T08:00:00.000Z');
  assert.deepEqual(item.extendedInfo, {
    oldestRecoveryPoint: new Date('2025-12-31T08:00:00Z'),
    oldestRecoveryPointInVault: new Date('2025-12-31T08:00:00Z'),
    recoveryPointCount: 2,
    policyInconsistent: false,
  });
  const listed = backup.backupProtectedItems.list(VAULT, GROUP, { filter: "policyName eq 'DefaultPolicy'" });
  assert.deepEqual(await names(listed), [ITEM]);
  const points = await Array.fromAsync(backup.recoveryPoints.list(VAULT, GROUP, FABRIC, CONTAINER, ITEM));
  assert.deepEqual(
    points.map(({ name }) => name),
    ['1002', '1001'],
  );
});
