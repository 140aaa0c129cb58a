import assert from 'node:assert/strict';
import { test } from 'node:test';
import { insertItem, listItems, updateItem } from '../db/items.ts';
import { itemPath, makeVault, protect, putItem, VAULT } from './testing/paths.ts';
import { addPoint } from './testing/points.ts';
import { type TestServer, testServer } from './testing/testServer.ts';

interface Shown {
  readonly properties: {
    readonly friendlyName: string;
    readonly lastRecoveryPoint?: string;
    readonly extendedInfo?: { readonly recoveryPointCount: number };
  };
}

const read = async (server: TestServer, path: string, filter: string): Promise<Shown[]> => {
  const answer = await server.call('GET', `${VAULT}/${path}?$filter=${encodeURIComponent(filter)}`);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body.value;
};
const friendly = (values: readonly Shown[]) => values.map(({ properties }) => properties.friendlyName);

test('every filter of items, by itself and together', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server, 'web01');
  await protect(server, 'db01', 'EnhancedPolicy');
  await putItem(server, 'db01', { policyId: '', protectionState: 'ProtectionStopped' });
  const [, web01] = await listItems(server.db.queries);
  await updateItem(server.db.queries, { ...web01!, lastBackup: { status: 'Failed', time: 1 } });
  const items = async (filter: string) => friendly(await read(server, 'backupProtectedItems', filter));
  const cases: [string, string[]][] = [
    ["backupManagementType eq 'AzureIaasVM' and itemType eq 'VM' and workloadType eq 'vm'", ['db01', 'web01']],
    ["backupManagementType eq 'AzureWorkload'", []],
    ["fabricName eq 'Azure'", ['db01', 'web01']],
    ["fabricName eq 'Moon'", []],
    ["healthState eq 'actionrequired'", ['web01']],
    ["healthState eq 'Passed'", ['db01']],
    ["policyName eq 'DEFAULTPOLICY'", ['web01']],
    ["policyName eq 'EnhancedPolicy'", []],
    ["protectionState eq 'ProtectionStopped'", ['db01']],
    ["containerName eq 'IaasVMContainer;iaasvmcontainerv2;shop;WEB01'", ['web01']],
    ["containerName eq 'iaasvmcontainerv2;Shop;web01' and friendlyName eq 'db01'", []],
    ["containerName eq 'web01'", []],
    ["isScheduledForDeferredDelete eq false and friendlyName eq 'DB01'", ['db01']],
    ["backupSetName eq 'x'", []],
  ];
  for (const [filter, names] of cases) assert.deepEqual(await items(filter), names, filter);
  for (const wrong of ["friendlyName eq 'a' or friendlyName eq 'b'", "friendlyName ne 'a'", 'friendlyName eq 3']) {
    const refused = await server.call('GET', `${VAULT}/backupProtectedItems?$filter=${encodeURIComponent(wrong)}`);
    assert.deepEqual([refused.status, refused.body.error.code], [400, 'InvalidFilter'], wrong);
  }
});

test('a list shows the newest point of each item, and counts them when it is asked to', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server);
  await addPoint(server, '1001', 5);
  await addPoint(server, '1002', 1);
  await addPoint(server, '1003', 0, {
    snapshot: { snapshotId: 's', deletedAt: 1 },
    vaulted: { commitName: 'c', cseq: 3, storedAt: 1, deletedAt: 2 },
  });
  const [brief] = await read(server, 'backupProtectedItems', "itemType eq 'VM'");
  assert.equal(brief?.properties.lastRecoveryPoint, '2026-01-04T08:00:00.000Z');
  assert.equal(brief?.properties.extendedInfo, undefined);
  const [whole] = await read(server, 'backupProtectedItems', "expand eq 'extendedinfo'");
  assert.equal(whole?.properties.extendedInfo?.recoveryPointCount, 2);
});

test('items and containers are paged by the database, each once, in the order of their names', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server);
  const [item] = await listItems(server.db.queries);
  for (let i = 0; i < 7; i += 1)
    await insertItem(server.db.queries, {
      ...item!,
      id: crypto.randomUUID(),
      vmName: `App-${i}`,
      resourceGroup: i % 2 ? 'Quay' : 'shop',
      ...(i > 4 ? { softDelete: { deletedAt: 1, retentionDays: 14, purgeAt: 2 ** 50 } } : {}),
    });
  const walk = async (path: string): Promise<string[]> => {
    const found: string[] = [];
    for (let next: string | undefined = `${VAULT}/${path}?$top=3`; next; ) {
      const { body } = await server.call('GET', next);
      found.push(...friendly(body.value));
      next = body.nextLink;
    }
    return found;
  };
  const all = ['App-1', 'App-3', 'App-5', 'App-0', 'App-2', 'App-4', 'App-6', 'web01'];
  assert.deepEqual(await walk('backupProtectedItems'), all);
  assert.deepEqual(await walk('backupProtectionContainers'), all);
  assert.deepEqual(await walk('backupDeletedProtectionContainers'), ['App-5', 'App-6']);
  assert.deepEqual(friendly(await read(server, 'backupProtectionContainers', "status eq 'SoftDeleted'")), [
    'App-5',
    'App-6',
  ]);
  assert.deepEqual(friendly(await read(server, 'backupDeletedProtectionContainers', "status eq 'Registered'")), []);
  const forged = await server.call('GET', `${VAULT}/backupProtectedItems?$skipToken=xyz`);
  assert.equal(forged.status, 400);
});

test('machines that are active elsewhere or deleted here cannot be protected; retained elsewhere they can', async () => {
  await using server = await testServer();
  const second = VAULT.replace('safe', 'second');
  await makeVault(server);
  await makeVault(server, second);
  const free = async (vault: string) =>
    friendly((await server.call('GET', `${vault}/backupProtectableItems`)).body.value);
  await protect(server);
  assert.deepEqual(await free(second), ['db01']);
  await putItem(server, 'web01', { policyId: '', protectionState: 'ProtectionStopped' });
  assert.deepEqual([await free(second), await free(VAULT)], [['db01', 'web01'], ['db01']]);
  await server.call('DELETE', itemPath('web01'));
  assert.deepEqual([await free(second), await free(VAULT)], [['db01', 'web01'], ['db01']]);
});
