import assert from 'node:assert/strict';
import { test } from 'node:test';
import { itemPath, machinePath, makeVault, protect } from './testing/paths.ts';
import { addPoint } from './testing/points.ts';
import { RESTORE_ROOT, SUBSCRIPTION, type TestServer, testServer } from './testing/testServer.ts';

const RESTORE = `${itemPath('web01')}/recoveryPoints/1001/restore`;
const FOLDER = { strongroom: { targetFolder: 'monday/web01' } };

async function ready(): Promise<TestServer> {
  const server = await testServer();
  await makeVault(server);
  await protect(server);
  await addPoint(server, '1001', 1);
  return server;
}

/** As az sends it, with what a test adds. */
const body = (more: object) => ({
  properties: {
    objectType: 'IaasVMRestoreRequest',
    recoveryPointId: '1001',
    recoveryType: 'RestoreDisks',
    sourceResourceId: machinePath('web01'),
    storageAccountId: '/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/staging',
    region: 'westeurope',
    createNewCloudService: false,
    originalStorageAccountOption: false,
    ...more,
  },
});

test('disks are restored to a folder of the server', async () => {
  await using server = await ready();
  const accepted = await server.call('POST', RESTORE, body({ ...FOLDER, restoreDiskLunList: [0] }));
  assert.equal(accepted.status, 202, JSON.stringify(accepted.body));
  const operation = await server.call('GET', accepted.headers['azure-asyncoperation'] ?? '');
  assert.equal(operation.body.status, 'Succeeded');
  const job = await server.call(
    'GET',
    `${accepted.headers.location?.split('/backupFabrics')[0]?.replace(/^https:\/\/[^/]+/, '')}/backupJobs/${operation.body.properties.jobId}`,
  );
  assert.deepEqual([job.body.properties.operation, job.body.properties.status], ['Restore', 'InProgress']);
  assert.equal((await server.call('GET', accepted.headers.location ?? '')).status, 204);
  const [, pointId, target] = server.asked[0]?.values ?? [];
  assert.deepEqual([pointId, target], ['1001', { kind: 'folder', folder: `${RESTORE_ROOT}/monday/web01`, luns: [0] }]);
});

test('a new machine is made on an image host, in the group of the source unless another is named', async () => {
  await using server = await ready();
  const strongroom = { imageHost: 'Shelf', machineName: 'web01-again' };
  await server.call('POST', RESTORE, body({ strongroom }));
  const office = `/subscriptions/${SUBSCRIPTION}/resourceGroups/Office`;
  await server.call('POST', RESTORE, body({ strongroom, targetResourceGroupId: office }));
  const targets = server.asked.map(({ values }) => values[2]);
  const machine = { kind: 'machine', host: 'shelf', machineName: 'web01-again' };
  assert.deepEqual(targets, [
    { ...machine, resourceGroup: 'Shop' },
    { ...machine, resourceGroup: 'Office' },
  ]);
  const refused = async (targetResourceGroupId: string) =>
    (await server.call('POST', RESTORE, body({ strongroom, targetResourceGroupId }))).body.error.code;
  assert.equal(await refused(`/subscriptions/${SUBSCRIPTION}/resourceGroups/..`), 'InvalidResourceName');
  assert.equal(await refused(`/subscriptions/${SUBSCRIPTION}/resourceGroups/a/../Office`), 'BadRequest');
  assert.match(await refused('/subscriptions/s/resourceGroups/Office'), /^UserErrorCrossSubscriptionRestore/);
});

test('a target that is impossible is refused with code, target and what is possible', async () => {
  await using server = await ready();
  const cases: [object, number, string, string, RegExp][] = [
    [{}, 400, 'UserErrorStagingAccountInvalid', 'properties.storageAccountId', /storageAccounts\/staging/],
    [
      { storageAccountId: undefined },
      400,
      'UserErrorStagingAccountInvalid',
      'properties.storageAccountId',
      /strongroom/,
    ],
    [{ recoveryType: 'OriginalLocation', ...FOLDER }, 400, 'BadRequest', 'properties.recoveryType', /'RestoreDisks'/],
    [{ recoveryType: 'Guess', ...FOLDER }, 400, 'BadRequest', 'properties.recoveryType', /'RestoreDisks'/],
    [{ strongroom: {} }, 400, 'RestoreTargetInvalid', 'properties.strongroom', /targetFolder/],
    [
      { strongroom: { targetFolder: '../etc' } },
      400,
      'RestoreTargetInvalid',
      'properties.strongroom.targetFolder',
      /relative path/,
    ],
    [
      { strongroom: { imageHost: 'rack', machineName: 'x' } },
      400,
      'RestoreTargetInvalid',
      'properties.strongroom.imageHost',
      /'shelf'/,
    ],
    [
      { strongroom: { imageHost: 'shelf', machineName: 'db01' } },
      400,
      'RestoreTargetInvalid',
      'properties.strongroom.machineName',
      /'db01'/,
    ],
    [{ ...FOLDER, restoreDiskLunList: [7] }, 400, 'RestoreTargetInvalid', 'properties.restoreDiskLunList', /-1, 0/],
    [{ ...FOLDER, recoveryPointId: '1002' }, 400, 'BadRequest', 'properties.recoveryPointId', /1001/],
    [{ ...FOLDER, speed: 9 }, 400, 'InvalidRequestContent', 'properties.speed', /strongroom/],
  ];
  for (const [more, status, code, target, message] of cases) {
    const answer = await server.call('POST', RESTORE, body(more));
    const error = answer.body?.error ?? {};
    assert.deepEqual([answer.status, error.code, error.target], [status, code, target], JSON.stringify(answer.body));
    assert.match(`${error.message} ${JSON.stringify(error.additionalInfo)}`, message);
  }
  assert.deepEqual(server.asked, []);
});

test('an unknown point is not found, a deleted item not restored', async () => {
  await using server = await ready();
  const unknown = await server.call('POST', RESTORE.replace('1001', '77'), body(FOLDER));
  assert.deepEqual([unknown.status, unknown.body.error.code], [404, 'ResourceNotFound']);
  await server.call('DELETE', itemPath('web01'));
  const deleted = await server.call('POST', RESTORE, body(FOLDER));
  assert.ok(deleted.status >= 400 && deleted.status < 500);
  assert.match(deleted.body.error.code, /SoftDeleted/);
});
