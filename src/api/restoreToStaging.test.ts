import assert from 'node:assert/strict';
import { test } from 'node:test';
import { putPoint } from '../db/points.ts';
import { GROUP, itemPath, machinePath, makeVault, protect, VAULT } from './testing/paths.ts';
import { addPoint } from './testing/points.ts';
import { SUBSCRIPTION, type TestServer, testServer } from './testing/testServer.ts';

const POINT = `${itemPath('web01')}/recoveryPoints/1001`;
const ACCOUNT = `${GROUP}/providers/Microsoft.Storage/storageAccounts/staging01`;
const NETWORK = `${GROUP}/providers/Microsoft.Network/virtualNetworks/shop-net`;

async function ready(): Promise<TestServer> {
  const server = await testServer();
  await makeVault(server);
  await protect(server);
  await addPoint(server, '1001', 1);
  const made = await server.call(
    'PUT',
    ACCOUNT,
    { location: 'westeurope', sku: { name: 'Standard_LRS' } },
    '2022-09-01',
  );
  assert.equal(made.status, 200, JSON.stringify(made.body));
  return server;
}

/** As az sends it, with what a test adds. */
const properties = (more: object = {}) => ({
  objectType: 'IaasVMRestoreRequest',
  recoveryPointId: '1001',
  recoveryType: 'RestoreDisks',
  sourceResourceId: machinePath('web01'),
  storageAccountId: ACCOUNT,
  region: 'westeurope',
  createNewCloudService: false,
  originalStorageAccountOption: false,
  ...more,
});
const restore = (server: TestServer, more: object = {}) =>
  server.call('POST', `${POINT}/restore`, { properties: properties(more) });

test('disks go to the storage account that the request names', async () => {
  await using server = await ready();
  assert.equal((await restore(server)).status, 202);
  assert.equal((await restore(server, { restoreDiskLunList: [] })).status, 202);
  assert.equal((await restore(server, { targetResourceGroupId: GROUP, storageAccountId: `/${ACCOUNT}` })).status, 202);
  const asked = server.asked.filter(({ call }) => call === 'requestRestore').map(({ values }) => values[2]);
  const target = {
    kind: 'staging',
    account: 'staging01',
    accountId: ACCOUNT,
    endpoint: 'https://staging01.blob.vault.example:8443/',
    resourceGroup: 'Shop',
  };
  const managedDisks = { subscriptionId: SUBSCRIPTION, resourceGroup: 'Shop', location: 'westeurope' };
  assert.deepEqual(asked, [target, { ...target, luns: [-1] }, { ...target, managedDisks }]);
});

test('what cannot be so is refused, with code and field', async () => {
  await using server = await ready();
  await server.call(
    'PUT',
    NETWORK,
    {
      location: 'westeurope',
      properties: {
        addressSpace: { addressPrefixes: ['10.0.0.0/16'] },
        subnets: [{ name: 'a', properties: { addressPrefix: '10.0.0.0/24' } }],
      },
    },
    '2022-01-01',
  );
  const other = '/subscriptions/22222222-2222-3333-4444-555555555555/resourceGroups/Shop';
  const alternate = {
    recoveryType: 'AlternateLocation',
    targetVirtualMachineId: machinePath('fresh'),
    virtualNetworkId: NETWORK,
    subnetId: `${NETWORK}/subnets/a`,
  };
  const cases: [object, string, string, RegExp?][] = [
    [{ storageAccountId: `${ACCOUNT}x` }, 'UserErrorStagingAccountInvalid', 'storageAccountId', /staging01x/],
    [{ region: 'northeurope' }, 'BadRequest', 'region', /'westeurope'/],
    [{ sourceResourceId: machinePath('db01') }, 'BadRequest', 'sourceResourceId'],
    [{ targetResourceGroupId: `${GROUP}x` }, 'ResourceGroupNotFound', ''],
    [{ restoreWithManagedDisks: true }, 'BadRequest', 'targetResourceGroupId'],
    [
      { targetResourceGroupId: other },
      'UserErrorCrossSubscriptionRestoreInvalidTargetSubscription',
      'targetResourceGroupId',
    ],
    [{ zones: ['1'] }, 'BadRequest', 'zones'],
    [{ originalStorageAccountOption: true }, 'BadRequest', 'originalStorageAccountOption'],
    [{ diskEncryptionSetId: '/x' }, 'BadRequest', 'diskEncryptionSetId'],
    [{ identityInfo: { isSystemAssignedIdentity: true } }, 'BadRequest', 'identityInfo'],
    [{ objectType: 'IaasVMRestoreWithRehydrationRequest' }, 'BadRequest', 'objectType'],
    [
      { recoveryType: 'OriginalLocation', targetResourceGroupId: other },
      'UserErrorCrossSubscriptionRestoreInvalidTargetSubscription',
      '',
      /./,
    ],
    [{ recoveryType: 'OriginalLocation' }, 'UserErrorVmNotInDesirableState', 'recoveryType', /off/],
    [{ ...alternate, targetVirtualMachineId: machinePath('db01') }, 'BadRequest', 'targetVirtualMachineId', /already/],
    [
      { ...alternate, virtualNetworkId: `${NETWORK}x` },
      'BadRequest',
      'virtualNetworkId',
      /virtual network configuration isn't correct/,
    ],
    [{ ...alternate, subnetId: `${NETWORK}/subnets/b` }, 'BadRequest', 'subnetId', /The selected subnet doesn't exist/],
    [alternate, 'UserErrorRestoreKindNotServed', 'recoveryType', /RestoreDisks/],
  ];
  for (const [more, code, field, message] of cases) {
    const { body } = await restore(server, more);
    const error = body?.error ?? {};
    if (!code.startsWith('UserErrorCross')) assert.equal(error.code, code, JSON.stringify(body));
    else assert.match(error.code, /^UserErrorCrossSubscriptionRestore/);
    if (field !== '' && code !== 'ResourceGroupNotFound') assert.equal(error.target, `properties.${field}`);
    assert.match(`${error.message} ${JSON.stringify(error.additionalInfo)}`, message ?? /./);
  }
  assert.deepEqual(
    server.asked.filter(({ call }) => call === 'requestRestore'),
    [],
  );
});

test('what is done to the staging account and the target group must be allowed to the caller', async () => {
  await using server = await ready();
  server.denied.add('Microsoft.Storage/storageAccounts/write');
  assert.equal((await restore(server)).body.error.code, 'AuthorizationFailed');
  server.denied.clear();
  server.denied.add('Microsoft.Compute/disks/write');
  assert.equal((await restore(server, { targetResourceGroupId: GROUP })).body.error.code, 'AuthorizationFailed');
  assert.equal((await restore(server)).status, 202);
});

test('a machine is restored so often in a day, and no more', async () => {
  await using server = await ready();
  for (let i = 0; i < 20; i++) assert.equal((await restore(server)).status, 202);
  const refused = await restore(server);
  assert.deepEqual([refused.status, refused.body.error.code], [429, 'UserErrorRestoreLimitReached']);
  await server.clock.turn(24 * 3_600_000 + 1);
  assert.equal((await restore(server)).status, 202);
});

test('a restore is checked without being begun, at once and as an operation', async () => {
  await using server = await ready();
  const body = (more: object, id: string | undefined = POINT) => ({
    id,
    properties: { objectType: 'ValidateIaasVMRestoreOperationRequest', restoreRequest: properties(more) },
  });
  const check = async (more: object) => {
    const answer = await server.call('POST', `${VAULT}/backupValidateOperation`, body(more));
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body.validateOperationResponse.validationResults as { code: string; message: string }[];
  };
  assert.deepEqual(await check({}), []);
  const wrong = await check({ region: 'nowhere', storageAccountId: `${ACCOUNT}x` });
  assert.deepEqual(
    wrong.map(({ code }) => code),
    ['BadRequest', 'UserErrorStagingAccountInvalid'],
  );
  assert.match(wrong[1]!.message, /staging01x/);
  assert.deepEqual(
    server.asked.filter(({ call }) => call === 'requestRestore'),
    [],
  );

  const begun = await server.call('POST', `${VAULT}/backupTriggerValidateOperation`, body({ zones: ['2'] }));
  assert.equal(begun.status, 202);
  const status = await server.call('GET', begun.headers['azure-asyncoperation'] ?? '');
  assert.equal(status.body.status, 'Succeeded');
  const result = await server.call('GET', begun.headers.location ?? '');
  assert.equal(result.body.validateOperationResponse.validationResults[0].code, 'BadRequest');
  const elsewhere = await server.call(
    'POST',
    `${VAULT}/backupValidateOperation`,
    body({}, POINT.replace('/safe/', '/other/')),
  );
  assert.equal(elsewhere.status, 400);

  const point = await addPoint(server, '1002', 0.5);
  await putPoint(server.db.queries, { ...point, snapshot: undefined, vaulted: undefined } as never);
  const gone = await server.call('POST', `${VAULT}/backupValidateOperation`, body({}, POINT.replace('1001', '1002')));
  assert.equal(gone.body.validateOperationResponse.validationResults[0].code, 'ResourceNotFound');
});
