import assert from 'node:assert/strict';
import { test } from 'node:test';
import { putArmResource } from '../db/armResources.ts';
import { getVault } from '../db/vaults.ts';
import { GROUP, protect, VAULT } from './testing/paths.ts';
import { SUBSCRIPTION, type TestServer, testServer } from './testing/testServer.ts';

const VAULTS = `${GROUP}/providers/Microsoft.RecoveryServices/vaults`;
const BODY = { location: 'West Europe', sku: { name: 'Standard' }, properties: {}, tags: { team: 'a' } };
test('a new vault answers 201 with an operation to poll, and has a store and two policies', async () => {
  await using server = await testServer();
  const made = await server.call('PUT', VAULT, BODY);
  assert.equal(made.status, 201, JSON.stringify(made.body));
  assert.equal(made.headers['retry-after'], '1');
  const status = await server.call('GET', made.headers['azure-asyncoperation'] ?? '');
  assert.equal(status.body.status, 'Succeeded');
  const result = await server.call('GET', made.headers.location ?? '');
  assert.equal(result.body.name, 'safe');
  assert.equal(server.stores.size, 1);
  const policies = await server.call('GET', `${VAULT}/backupPolicies/`);
  assert.deepEqual(
    policies.body.value.map((policy: { name: string }) => policy.name),
    ['DefaultPolicy', 'EnhancedPolicy'],
  );
});

test('a vault shows every property of a fresh one', async () => {
  await using server = await testServer();
  const made = await server.call('PUT', VAULT, BODY);
  const { provisioningState, securitySettings } = made.body.properties;
  assert.deepEqual([provisioningState, securitySettings.multiUserAuthorization], ['Provisioning', 'Invalid']);
  const { body } = await server.call('GET', VAULT);
  assert.deepEqual(body, {
    id: VAULT,
    name: 'safe',
    type: 'Microsoft.RecoveryServices/vaults',
    etag: `W/"datetime'2026-01-05T08%3A00%3A00.000Z'"`,
    location: 'westeurope',
    tags: { team: 'a' },
    sku: { name: 'Standard', tier: 'Standard' },
    properties: {
      provisioningState: 'Succeeded',
      privateEndpointStateForBackup: 'None',
      privateEndpointStateForSiteRecovery: 'None',
      monitoringSettings: {
        azureMonitorAlertSettings: {
          alertsForAllJobFailures: 'Enabled',
          alertsForAllReplicationIssues: 'Enabled',
          alertsForAllFailoverIssues: 'Enabled',
        },
        classicAlertSettings: { alertsForCriticalOperations: 'Enabled', emailNotificationsForSiteRecovery: 'Enabled' },
      },
      costManagementSettings: { granularityLevel: 'VaultLevel' },
      backupStorageVersion: 'Unassigned',
      securitySettings: {
        softDeleteSettings: {
          softDeleteRetentionPeriodInDays: 14,
          softDeleteState: 'AlwaysON',
          enhancedSecurityState: 'AlwaysON',
        },
        multiUserAuthorization: 'Disabled',
        sourceScanConfiguration: { state: 'Disabled' },
      },
      redundancySettings: { standardTierStorageRedundancy: 'GeoRedundant', crossRegionRestore: 'Disabled' },
      regionOfChoiceSettings: { status: 'Disabled' },
      secureScore: 'Adequate',
      bcdrSecurityLevel: 'Good',
      publicNetworkAccess: 'Enabled',
      restoreSettings: { crossSubscriptionRestoreSettings: { crossSubscriptionRestoreState: 'Enabled' } },
      strongroom: {
        vaultId: [...server.stores][0],
        redundancy: { wanted: 'GeoRedundant', actual: 'LocallyRedundant', why: 'One place.' },
      },
    },
  });
});

test('what was read of a vault can be sent back', async () => {
  await using server = await testServer();
  await server.call('PUT', VAULT, BODY);
  const { body } = await server.call('GET', VAULT);
  const again = await server.call('PUT', VAULT, body);
  assert.deepEqual([again.status, again.body], [200, body]);
});

test('PUT of an existing vault in any case replaces tags and keeps settings, PATCH keeps both', async () => {
  await using server = await testServer();
  await server.call('PUT', VAULT, BODY);
  await server.call('PATCH', VAULT, { properties: { publicNetworkAccess: 'Disabled' } });
  const again = await server.call('PUT', VAULT.toLowerCase(), { ...BODY, tags: { team: 'b' } });
  assert.equal(again.status, 200);
  assert.equal(again.body.id, VAULT);
  assert.deepEqual(again.body.tags, { team: 'b' });
  assert.equal(again.body.properties.publicNetworkAccess, 'Disabled');
  const patched = await server.call('PATCH', VAULT, { properties: {} });
  assert.deepEqual(patched.body.tags, { team: 'b' });
  assert.equal(server.stores.size, 1);
});

test('nested settings merge, identities are normalised and kept', async () => {
  await using server = await testServer();
  await server.call('PUT', VAULT, BODY);
  const alerts = (state: string) => ({
    properties: { monitoringSettings: { classicAlertSettings: { alertsForCriticalOperations: state } } },
  });
  const { body } = await server.call('PATCH', VAULT, alerts('Disabled'));
  assert.deepEqual(body.properties.monitoringSettings.classicAlertSettings, {
    alertsForCriticalOperations: 'Disabled',
    emailNotificationsForSiteRecovery: 'Enabled',
  });
});

const IDENTITY = `${GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities`;

async function addIdentity(server: TestServer, name: string): Promise<string> {
  const id = `${IDENTITY}/${name}`;
  await putArmResource(server.db.queries, {
    ...{ id, name, type: 'Microsoft.ManagedIdentity/userAssignedIdentities', subscriptionId: SUBSCRIPTION },
    ...{ resourceGroup: 'Shop', location: 'westeurope', tags: {}, other: {}, createdAt: 0, updatedAt: 0 },
    properties: { principalId: `principal-${name}`, clientId: `client-${name}`, tenantId: 't' },
  });
  return id;
}

test('identities are merged, removed by null, and normalised', async () => {
  await using server = await testServer();
  await server.call('PUT', VAULT, BODY);
  const [a, b] = [await addIdentity(server, 'a'), await addIdentity(server, 'b')];
  const patch = async (identity: object) => (await server.call('PATCH', VAULT, { identity })).body.identity;
  const first = await patch({ type: 'systemassigned,userassigned', userAssignedIdentities: { [a]: {}, [b]: {} } });
  assert.equal(first.type, 'SystemAssigned, UserAssigned');
  assert.equal(first.tenantId, server.services.config.tenantId);
  assert.match(first.principalId, /^[0-9a-f-]{36}$/);
  const second = await patch({
    type: 'systemassigned,userassigned',
    userAssignedIdentities: { [a.toUpperCase()]: null },
  });
  assert.equal(second.principalId, first.principalId, 'it keeps its principal');
  assert.deepEqual(second.userAssignedIdentities, { [b]: { principalId: 'principal-b', clientId: 'client-b' } });
  assert.deepEqual(await patch({ type: 'UserAssigned' }), {
    type: 'UserAssigned',
    userAssignedIdentities: { [b]: { principalId: 'principal-b', clientId: 'client-b' } },
  });
  assert.deepEqual(await patch({ type: 'None' }), { type: 'None' });
  const again = await patch({ type: 'SystemAssigned' });
  assert.notEqual(again.principalId, first.principalId, 'a new one after it was taken away');
});

test('an identity is given to a vault only by who may assign it, and when it is there', async () => {
  await using server = await testServer();
  await server.call('PUT', VAULT, BODY);
  const id = await addIdentity(server, 'a');
  const give = (identity: string) =>
    server.call('PATCH', VAULT, { identity: { type: 'UserAssigned', userAssignedIdentities: { [identity]: {} } } });
  const absent = await give(`${IDENTITY}/nobody`);
  assert.deepEqual([absent.status, absent.body.error.code], [404, 'ResourceNotFound']);
  server.denied.add('Microsoft.ManagedIdentity/userAssignedIdentities/assign/action');
  const refused = await give(id);
  assert.deepEqual([refused.status, refused.body.error.code], [403, 'AuthorizationFailed']);
  server.denied.clear();
  assert.equal((await give(id)).status, 200);
});

test('a vault is changed and deleted only as the caller knew it, when he says so', async () => {
  await using server = await testServer();
  await server.call('PUT', VAULT, BODY);
  const ask = async (method: 'PUT' | 'PATCH' | 'DELETE', headers: Record<string, string>) => {
    const { statusCode } = await server.app.inject({
      method,
      url: `${VAULT}?api-version=2025-02-01`,
      headers: { authorization: 'Bearer any', ...headers },
      ...(method === 'DELETE'
        ? {}
        : { payload: { location: 'westeurope', sku: { name: 'RS0' }, tags: { n: method } } }),
    });
    return statusCode;
  };
  const etagNow = async () => (await server.call('GET', VAULT)).body.etag;
  const first = await etagNow();
  assert.equal(await ask('PUT', { 'if-none-match': '*' }), 412);
  assert.equal(await ask('PATCH', { 'if-match': first }), 200);
  const second = await etagNow();
  assert.notEqual(second, first);
  assert.equal(await ask('PATCH', { 'if-match': second }), 200);
  assert.equal(await etagNow(), second, 'the same again changes nothing');
  assert.equal(await ask('PUT', { 'if-match': first }), 412, 'it has changed since');
  assert.equal(await ask('DELETE', { 'if-match': first }), 412);
  assert.equal(await ask('DELETE', { 'if-match': '*' }), 202);
});

test('no more vaults than the limit says', async () => {
  await using server = await testServer();
  Object.assign(server.services.config, { limits: { ...server.services.config.limits, vaults: 1 } });
  await server.call('PUT', VAULT, BODY);
  const second = await server.call('PUT', `${VAULTS}/second`, BODY);
  assert.deepEqual([second.status, second.body.error.code], [409, 'UserErrorVaultLimitReached']);
  assert.equal((await server.call('PUT', VAULT, BODY)).status, 200, 'one that is there can be changed');
  assert.equal(server.stores.size, 1);
});

test('what a vault may not become is refused with code, target and the legal values', async () => {
  await using server = await testServer();
  await server.call('PUT', VAULT, BODY);
  const refused = async (method: string, path: string, body: unknown) => {
    const answer = await server.call(method, path, body);
    assert.ok(answer.status >= 400, JSON.stringify(answer.body));
    return { status: answer.status, ...answer.body.error };
  };
  const settings = (properties: object) => ({ properties });
  const cases: [string, string, unknown, number, string, RegExp][] = [
    ['PUT', `${VAULTS}/1st`, BODY, 400, 'InvalidResourceName', /2 to 50 .*first .*letter/],
    ['PUT', `${VAULTS}/other`, { ...BODY, location: 'mars' }, 400, 'LocationNotAvailableForResourceType', /westeurope/],
    [
      'PUT',
      `${VAULTS}/other`,
      { location: 'westeurope', sku: { name: 'Gold' } },
      400,
      'InvalidRequestContent',
      /Standard.*RS0/,
    ],
    ['PUT', `${VAULTS}/other`, { ...BODY, colour: 'red' }, 400, 'InvalidRequestContent', /colour/],
    ['PUT', `${VAULTS}/other`, { sku: { name: 'RS0' } }, 400, 'LocationRequired', /location/],
    ['PUT', VAULTS.replace('Shop', 'None') + '/safe', BODY, 404, 'ResourceGroupNotFound', /'None'/],
    [
      'PATCH',
      VAULT,
      settings({ securitySettings: { immutabilitySettings: { state: 'Locked' } } }),
      400,
      'UserErrorUnsupportedVaultImmutabilityStateChange',
      /Unlocked/,
    ],
    [
      'PATCH',
      VAULT,
      settings({ securitySettings: { softDeleteSettings: { softDeleteState: 'Disabled' } } }),
      400,
      'BMSUserErrorSoftDeleteStateAlwaysOn',
      /AlwaysON/,
    ],
    [
      'PATCH',
      VAULT,
      settings({ securitySettings: { softDeleteSettings: { softDeleteRetentionPeriodInDays: 13 } } }),
      400,
      'InvalidRequestContent',
      /14 to 180/,
    ],
    [
      'PATCH',
      VAULT,
      settings({
        redundancySettings: { standardTierStorageRedundancy: 'ZoneRedundant', crossRegionRestore: 'Enabled' },
      }),
      400,
      'CrossRegionRestoreNotSupported',
      /GeoRedundant/,
    ],
    [
      'PATCH',
      VAULT,
      settings({ encryption: { keyVaultProperties: { keyUri: 'https://keys.example/1' } } }),
      400,
      'BMSUserErrorEncryptionSettingsInvalid',
      /none as yet/,
    ],
    [
      'PATCH',
      VAULT,
      settings({ encryption: { keyVaultProperties: {} } }),
      400,
      'BMSUserErrorEncryptionSettingsInvalid',
      /uri/,
    ],
    [
      'PATCH',
      VAULT,
      settings({ regionOfChoiceSettings: { status: 'Enabled' } }),
      400,
      'InvalidRequestContent',
      /Disabled/,
    ],
    [
      'PATCH',
      VAULT,
      settings({ monitoringSettings: { azureMonitorAlertSettings: { alertsForAllJobFailures: 'On' } } }),
      400,
      'InvalidRequestContent',
      /Enabled.*Disabled/,
    ],
    [
      'PATCH',
      VAULT,
      { tags: Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`t${n}`, ''])) },
      400,
      'InvalidRequestContent',
      /50 tags/,
    ],
    ['PATCH', VAULT, { tags: { ['n'.repeat(513)]: '' } }, 400, 'InvalidRequestContent', /512/],
    ['PATCH', VAULT, { tags: { n: 'v'.repeat(257) } }, 400, 'InvalidRequestContent', /256/],
    ['PATCH', VAULT, { identity: { type: 'Robot' } }, 400, 'BadRequest', /SystemAssigned/],
    [
      'PATCH',
      `${VAULTS}/none`,
      {},
      404,
      'ResourceNotFound',
      /Microsoft.RecoveryServices\/vaults\/none' under resource group 'Shop'/,
    ],
  ];
  for (const [method, path, body, status, code, message] of cases) {
    const error = await refused(method, path, body);
    assert.deepEqual([error.status, error.code], [status, code], `${method} ${path} ${JSON.stringify(body)}`);
    assert.match(error.message, message);
    assert.ok(error.target, code);
  }
  assert.equal(server.stores.size, 1, 'a refused vault leaves no store');
});

test('a name is unique in the subscription', async () => {
  await using server = await testServer();
  await server.call('PUT', VAULT, BODY);
  const group = GROUP.replace('Shop', 'Office');
  await server.call('PUT', group, { location: 'westeurope' });
  const second = await server.call('PUT', `${group}/providers/Microsoft.RecoveryServices/vaults/SAFE`, BODY);
  assert.deepEqual([second.status, second.body.error.code], [409, 'VaultNameNotUnique']);
  assert.equal(server.stores.size, 1);
});

test('of two requests that make one vault at a time one wins, and no store is left over', async () => {
  await using server = await testServer();
  const both = Promise.withResolvers<void>();
  let waiting = 0;
  server.hooks.beforeStore = async () => {
    waiting += 1;
    if (waiting === 2) both.resolve();
    await both.promise;
  };
  const answers = await Promise.all([server.call('PUT', VAULT, BODY), server.call('PUT', VAULT, BODY)]);
  assert.deepEqual(answers.map((answer) => answer.status).sort(), [201, 409]);
  assert.equal(server.stores.size, 1);
});

test('lists hold the vaults of the subscription or of the group', async () => {
  await using server = await testServer();
  await server.call('PUT', VAULT, BODY);
  const office = GROUP.replace('Shop', 'Office');
  await server.call('PUT', office, { location: 'westeurope' });
  await server.call('PUT', `${office}/providers/Microsoft.RecoveryServices/vaults/paper`, BODY);
  const names = async (path: string) =>
    (await server.call('GET', path)).body.value.map((vault: { name: string }) => vault.name);
  const all = `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.RecoveryServices/vaults`;
  assert.deepEqual(await names(all), ['paper', 'safe']);
  assert.deepEqual(await names(VAULTS), ['safe']);
  const page = await server.call('GET', `${all}?$top=1`);
  assert.equal(page.body.value.length, 1);
  const next = await server.call('GET', page.body.nextLink);
  assert.deepEqual([next.body.value[0].name, next.body.nextLink], ['safe', undefined]);
});

test('redundancy is one state in the vault and in its storage config, locked with the first item', async () => {
  await using server = await testServer();
  await server.call('PUT', VAULT, BODY);
  const config = `${VAULT}/backupstorageconfig/vaultstorageconfig`;
  const put = await server.call('PUT', config, { properties: { storageModelType: 'LocallyRedundant' } });
  assert.equal(put.status, 200, JSON.stringify(put.body));
  assert.equal(put.body.properties.storageTypeState, 'Unlocked');
  const vault = await server.call('GET', VAULT);
  assert.equal(vault.body.properties.redundancySettings.standardTierStorageRedundancy, 'LocallyRedundant');
  assert.equal(
    (
      await server.call('PATCH', config, {
        properties: { storageModelType: 'GeoRedundant', crossRegionRestoreFlag: true },
      })
    ).status,
    204,
  );
  const back = await server.call('PATCH', config, { properties: { crossRegionRestoreFlag: false } });
  assert.match(back.body.error.message, /non-reversible/);
  await protect(server);
  assert.equal((await server.call('GET', config)).body.properties.storageTypeState, 'Locked');
  const late = await server.call('PATCH', VAULT, {
    properties: { redundancySettings: { standardTierStorageRedundancy: 'LocallyRedundant' } },
  });
  assert.deepEqual([late.status, late.body.error.code], [400, 'StorageModelModifyError']);
  assert.match(late.body.error.message, /locked when the first machine is registered/);
});

test('DELETE answers as the version of the client expects, and the operation outlives the vault', async () => {
  await using server = await testServer();
  await server.call('PUT', VAULT, BODY);
  assert.equal((await server.call('DELETE', VAULT, undefined, '2022-10-01')).status, 200);
  assert.equal(server.stores.size, 0);
  assert.equal((await server.call('GET', VAULT)).body.error.code, 'ResourceNotFound');
  await server.call('PUT', VAULT, BODY);
  const accepted = await server.call('DELETE', VAULT, undefined, '2024-04-01');
  assert.equal(accepted.status, 202);
  assert.equal((await server.call('GET', accepted.headers.location ?? '')).status, 200);
  assert.equal((await server.call('GET', accepted.headers['azure-asyncoperation'] ?? '')).body.status, 'Succeeded');
  assert.equal((await server.call('DELETE', VAULT, undefined, '2024-04-01')).status, 204);
});

test('a vault with items is not deleted', async () => {
  await using server = await testServer();
  await server.call('PUT', VAULT, BODY);
  await protect(server);
  const full = await server.call('DELETE', VAULT);
  assert.deepEqual([full.status, full.body.error.code], [400, 'ServiceResourceNotEmptyWithContainerDetails']);
  assert.match(
    full.body.error.message,
    /existing resources within the vault.*IaasVMContainer;iaasvmcontainerv2;Shop;web01/,
  );
  assert.equal(server.stores.size, 1);
});

test('cross-subscription restore is switched off and on, and at last off for ever', async () => {
  await using server = await testServer();
  await server.call('PUT', VAULT, BODY);
  const set = (crossSubscriptionRestoreState: string) =>
    server.call('PATCH', VAULT, {
      properties: { restoreSettings: { crossSubscriptionRestoreSettings: { crossSubscriptionRestoreState } } },
    });
  for (const state of ['Disabled', 'Enabled', 'PermanentlyDisabled']) assert.equal((await set(state)).status, 200);
  const back = await set('Enabled');
  assert.deepEqual([back.status, back.body.error.code], [400, 'BadRequest']);
  assert.equal((await set('PermanentlyDisabled')).status, 200);
});

test('soft delete stays on in the vault config, its retention can be chosen', async () => {
  await using server = await testServer();
  await server.call('PUT', VAULT, BODY);
  const config = `${VAULT}/backupconfig/vaultconfig`;
  assert.equal((await server.call('GET', config)).body.properties.softDeleteFeatureState, 'AlwaysON');
  const off = await server.call('PATCH', config, { properties: { softDeleteFeatureState: 'Disabled' } });
  assert.deepEqual(
    [off.status, off.body.error.code, off.body.error.target],
    [400, 'BMSUserErrorSoftDeleteStateAlwaysOn', 'properties.softDeleteFeatureState'],
  );
  const longer = await server.call('PUT', config, { properties: { softDeleteRetentionPeriodInDays: 30 } });
  assert.equal(longer.body.properties.softDeleteRetentionPeriodInDays, 30);
  const vault = await server.call('GET', VAULT);
  assert.equal(vault.body.properties.securitySettings.softDeleteSettings.softDeleteRetentionPeriodInDays, 30);
});

test('encryption, guards and usages answer what clients ask before they act', async () => {
  await using server = await testServer();
  await server.call('PUT', VAULT, BODY);
  const encryption = await server.call('GET', `${VAULT}/backupEncryptionConfigs/backupResourceEncryptionConfig`);
  assert.equal(encryption.body.properties.encryptionAtRestType, 'MicrosoftManaged');
  assert.deepEqual((await server.call('GET', `${VAULT}/backupResourceGuardProxies`)).body, { value: [] });
  assert.equal((await server.call('GET', `${VAULT}/backupResourceGuardProxies/VaultProxy`)).status, 404);
  await protect(server);
  const usages = await server.call('GET', `${VAULT}/usages`);
  assert.deepEqual(
    usages.body.value.map((usage: { name: { value: string }; currentValue: number }) => [
      usage.name.value,
      usage.currentValue,
    ]),
    [
      ['ProtectedItems', 1],
      ['SoftDeletedItems', 0],
      ['BackupPolicies', 2],
      ['StoredBytes', 0],
    ],
  );
  const summary = await server.call(
    'GET',
    `${VAULT}/backupUsageSummaries?$filter=type eq 'BackupProtectedItemCountSummary'`,
  );
  assert.deepEqual([summary.body.value.length, summary.body.value[0].currentValue], [1, 1]);
});

test('a vault shows what it has beside what was asked for, and its store moves while it has no items', async () => {
  await using server = await testServer();
  await server.call('PUT', VAULT, BODY);
  const config = `${VAULT}/backupstorageconfig/vaultstorageconfig`;
  const vault = await server.call('GET', VAULT);
  assert.equal(vault.body.properties.redundancySettings.standardTierStorageRedundancy, 'GeoRedundant');
  const has = { wanted: 'GeoRedundant', actual: 'LocallyRedundant', why: 'One place.' };
  assert.deepEqual(vault.body.properties.strongroom.redundancy, has);
  const { storageModelType, storageType } = (await server.call('GET', config)).body.properties;
  assert.deepEqual([storageModelType, storageType], ['GeoRedundant', 'GeoRedundant'], 'az sends it back as its wish');
  await server.call('PATCH', config, { properties: { storageModelType: 'ZoneRedundant', storageType } });
  await server.call('PATCH', VAULT, {
    properties: { redundancySettings: { standardTierStorageRedundancy: 'LocallyRedundant' } },
  });
  assert.deepEqual(server.placed, ['safe: ZoneRedundant', 'safe: LocallyRedundant']);
  await protect(server);
  await server.call('PATCH', VAULT, { tags: { a: 'b' } });
  assert.equal(server.placed.length, 2, 'with the first item it stays where it is');
});

test('a vault whose immutability changes has its store opened anew, for what it is given next is to be locked', async () => {
  await using server = await testServer();
  await server.call('PUT', VAULT, BODY);
  const [id] = server.stores;
  const opened: string[] = [];
  const { vaultStores } = server.services;
  Object.assign(vaultStores, {
    forget: async (vaultId: string) => {
      const row = await getVault(server.db.queries, vaultId);
      opened.push(`${vaultId} ${row?.immutability}`);
    },
  });
  for (const state of ['Unlocked', 'Locked']) {
    const body = { properties: { securitySettings: { immutabilitySettings: { state } } } };
    assert.equal((await server.call('PATCH', VAULT, body)).status, 200);
  }
  assert.deepEqual(opened, [`${id} Unlocked`, `${id} Locked`]);
});
