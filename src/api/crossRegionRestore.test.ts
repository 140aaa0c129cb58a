import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listItems } from '../db/items.ts';
import { changeStoreState } from '../db/storeStates.ts';
import { GROUP, itemPath, machinePath, protect, VAULT } from './testing/paths.ts';
import { addPoint } from './testing/points.ts';
import { SUBSCRIPTION, type TestServer, testServer } from './testing/testServer.ts';

const PASSIVE = '2021-11-15';
const ITEM = itemPath('web01');
const REGION = `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.RecoveryServices/locations/northeurope`;
const ACCOUNT = `${GROUP}/providers/Microsoft.Storage/storageAccounts/staging01`;

async function ready(options: { readonly enabled?: boolean; readonly hasPlace?: boolean } = {}): Promise<TestServer> {
  const server = await testServer();
  const { enabled = true, hasPlace = true } = options;
  if (hasPlace)
    Object.assign(server.services.vaultStores, {
      redundancyOf: async () => ({ wanted: 'GeoRedundant', actual: 'GeoRedundant' }),
    });
  const redundancySettings = {
    standardTierStorageRedundancy: 'GeoRedundant',
    crossRegionRestore: enabled ? 'Enabled' : 'Disabled',
  };
  await server.call('PUT', VAULT, { location: 'westeurope', sku: { name: 'RS0' }, properties: { redundancySettings } });
  await protect(server);
  await addPoint(server, '1001', 2);
  await addPoint(server, '1002', 1);
  await addPoint(server, '1003', 0.1);
  const { vaultId } = (await listItems(server.db.queries))[0]!;
  const replication = { lastSyncTime: server.clock.now() - 12 * 3_600_000 };
  await server.db.transaction((tx) => changeStoreState(tx, vaultId, { replication }));
  await server.call('PUT', ACCOUNT, { location: 'westeurope' }, '2022-09-01');
  return server;
}

const call = (server: TestServer, method: string, path: string, body?: unknown) =>
  server.call(method, path, body, PASSIVE);

async function tokenOf(server: TestServer, point = '1002'): Promise<Record<string, unknown>> {
  const aad = await call(server, 'GET', `${REGION}/backupAadProperties`);
  assert.equal(aad.status, 200, JSON.stringify(aad.body));
  const answer = await call(server, 'POST', `${ITEM}/recoveryPoints/${point}/accessToken`, aad.body);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body.properties;
}

const restore = (server: TestServer, token: Record<string, unknown>, more: object = {}, region = REGION) =>
  call(server, 'POST', `${region}/backupCrossRegionRestore`, {
    crossRegionRestoreAccessDetails: token,
    restoreRequest: {
      objectType: 'IaasVMRestoreRequest',
      recoveryPointId: '1002',
      recoveryType: 'RestoreDisks',
      sourceResourceId: machinePath('web01'),
      storageAccountId: ACCOUNT,
      region: 'northeurope',
      createNewCloudService: false,
      originalStorageAccountOption: false,
      ...more,
    },
  });

test('what the second region has is listed, restored from, and shown as its job', async () => {
  await using server = await ready();
  const items = await call(server, 'GET', `${VAULT}/backupProtectedItems/`);
  assert.deepEqual(
    items.body.value.map((item: { properties: { friendlyName: string } }) => item.properties.friendlyName),
    ['web01'],
  );
  const points = await call(server, 'GET', `${ITEM}/recoveryPoints/`);
  const shown = points.body.value.map(
    ({ name, properties }: { name: string; properties: { recoveryPointTierDetails: { type: string }[] } }) =>
      `${name} ${properties.recoveryPointTierDetails.map(({ type }) => type).join()}`,
  );
  assert.deepEqual(shown, ['1002 HardenedRP', '1001 HardenedRP'], 'the newest is not copied yet');
  assert.equal((await server.call('GET', `${ITEM}/recoveryPoints`)).body.value.length, 3);

  const begun = await restore(server, await tokenOf(server));
  assert.equal(begun.status, 202, JSON.stringify(begun.body));
  const [, pointId, target] = server.asked.find(({ call: name }) => name === 'requestRestore')?.values ?? [];
  assert.deepEqual([pointId, (target as { fromSecondary: boolean }).fromSecondary], ['1002', true]);
  const operationId = begun.headers['azure-asyncoperation']?.split('?')[0]?.split('/').at(-1);
  const status = await call(server, 'GET', `${REGION}/backupCrrOperationsStatus/${operationId}`);
  assert.equal(status.body.status, 'Succeeded');
  assert.equal((await call(server, 'GET', `${REGION}/backupCrrOperationResults/${operationId}`)).status, 200);
  const { jobId } = status.body.properties;
  const job = await call(server, 'POST', `${REGION}/backupCrrJob`, { resourceId: VAULT, jobName: jobId });
  assert.deepEqual([job.body.name, job.body.properties.operation], [jobId, 'CrossRegionRestore']);
  const list = await call(server, 'POST', `${REGION}/backupCrrJobs`, { resourceId: VAULT });
  assert.deepEqual(
    list.body.value.map(({ name }: { name: string }) => name),
    [jobId],
  );
});

test('a token opens one point, for its caller, for a while', async () => {
  await using server = await ready();
  const token = await tokenOf(server);
  const code = async (given: Record<string, unknown>, more: object = {}, region = REGION) =>
    (await restore(server, given, more, region)).body?.error?.code;
  assert.equal(await code(token, { recoveryPointId: '1001' }), 'BadRequest', 'the request names another point');
  assert.equal(await code(token, { region: 'eastus' }), 'BadRequest');
  assert.equal(await code(token, { recoveryType: 'OriginalLocation' }), 'BadRequest');
  assert.equal(await code(token, {}, REGION.replace('northeurope', 'eastus')), 'CrossRegionRestoreNotSupported');
  const sealed = String(token.accessTokenString);
  const forged = `${sealed.slice(0, 20)}${sealed[20] === 'A' ? 'B' : 'A'}${sealed.slice(21)}`;
  assert.equal(await code({ ...token, accessTokenString: forged }), 'AuthorizationFailed');
  assert.equal(await code({ ...token, accessTokenString: 'AAAA' }), 'AuthorizationFailed');
  await server.clock.turn(16 * 60_000);
  assert.equal(await code(token), 'AuthorizationFailed', 'too late');
  server.denied.add(
    'Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints/restore/action',
  );
  assert.equal(await code(await tokenOf(server)), 'AuthorizationFailed', 'the role is asked again');
  const gone = await call(server, 'POST', `${ITEM}/recoveryPoints/1003/accessToken`, {});
  assert.deepEqual([gone.status, gone.body.error.code], [404, 'ResourceNotFound']);
});

test('a vault without a second region says why', async () => {
  for (const options of [{ enabled: false }, { hasPlace: false }]) {
    await using server = await ready(options);
    for (const path of [`${VAULT}/backupProtectedItems/`, `${ITEM}/recoveryPoints/`]) {
      const { status, body } = await call(server, 'GET', path);
      assert.deepEqual([status, body.error.code], [400, 'CrossRegionRestoreNotSupported']);
    }
    const token = await call(server, 'POST', `${ITEM}/recoveryPoints/1002/accessToken`, {});
    assert.equal(token.body.error.code, 'CrossRegionRestoreNotSupported');
  }
});
