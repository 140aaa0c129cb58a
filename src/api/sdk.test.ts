import 'reflect-metadata';
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { ComputeManagementClient } from '@azure/arm-compute';
import { RecoveryServicesClient } from '@azure/arm-recoveryservices';
import {
  type AzureIaaSVMJob,
  type AzureIaaSVMProtectedItem,
  RecoveryServicesBackupClient,
} from '@azure/arm-recoveryservicesbackup';
import { ResourceManagementClient } from '@azure/arm-resources';
import { BasicConstraintsExtension, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';
import { deleteItem, listItems } from '../db/items.ts';
import { addPoint } from './testing/points.ts';
import { SUBSCRIPTION, type TestServer, testServer } from './testing/testServer.ts';

const [GROUP, VAULT, FABRIC] = ['Shop', 'safe', 'Azure'];
const CONTAINER = 'IaasVMContainer;iaasvmcontainerv2;Shop;web01';
const ITEM = 'VM;iaasvmcontainerv2;Shop;web01';
const VAULT_ID = `/subscriptions/${SUBSCRIPTION}/resourceGroups/${GROUP}/providers/Microsoft.RecoveryServices/vaults/${VAULT}`;

interface Clients extends AsyncDisposable {
  readonly server: TestServer;
  readonly vaults: RecoveryServicesClient;
  readonly backup: RecoveryServicesBackupClient;
  readonly compute: ComputeManagementClient;
  readonly resources: ResourceManagementClient;
}

/** The official clients against the server over TLS on a port of its own. */
async function listening(): Promise<Clients> {
  const { key, cert } = await selfSigned();
  const port = await freePort();
  const endpoint = `https://localhost:${port}`;
  const server = await testServer({ key, cert }, endpoint);
  await server.app.listen({ port, host: '127.0.0.1' });
  const credential = { getToken: async () => ({ token: 'any', expiresOnTimestamp: Date.now() + 3_600_000 }) };
  const options = { endpoint, tlsOptions: { ca: cert }, retryOptions: { maxRetries: 0 } };
  return {
    server,
    vaults: new RecoveryServicesClient(credential, SUBSCRIPTION, options),
    backup: new RecoveryServicesBackupClient(credential, SUBSCRIPTION, options),
    compute: new ComputeManagementClient(credential, SUBSCRIPTION, options),
    resources: new ResourceManagementClient(credential, SUBSCRIPTION, options),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

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
    { statusCode: 501, code: 'NotImplemented' },
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

async function freePort(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const server = createServer().listen(0, '127.0.0.1', () => {
    const address = server.address();
    server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
  });
  return promise;
}

async function selfSigned(): Promise<{ key: string; cert: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const cert = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=localhost',
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }]),
    ],
  });
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return { key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`, cert: cert.toString('pem') };
}
