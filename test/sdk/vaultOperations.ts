import assert from 'node:assert/strict';
import { GROUP as GROUP_ID, itemPath, makeVault, protect } from '../../src/api/testing/paths.ts';
import { all, GROUP, names, notServed, REGION, VAULT, type World } from './world.ts';

/** A vault from its creation to its undeletion, and what lies beside it. */
export async function callVaultOperations(world: World): Promise<void> {
  const { vaults } = world;
  assert.ok((await names(vaults.operations.list())).includes('Microsoft.RecoveryServices/vaults/write'));
  const type = 'Microsoft.RecoveryServices/Vaults';
  const ask = { name: VAULT, type };
  assert.equal((await vaults.recoveryServices.checkNameAvailability(GROUP, REGION, ask)).nameAvailable, true);
  const { properties } = await vaults.recoveryServices.capabilities(REGION, { type, properties: {} });
  assert.ok(properties !== undefined);
  const made = await vaults.vaults.createOrUpdate(GROUP, VAULT, {
    ...{ location: REGION, sku: { name: 'RS0' } },
    properties: { publicNetworkAccess: 'Enabled' },
  });
  assert.equal(made.properties?.provisioningState, 'Succeeded');
  const id = operationOf(await firstAnswer(world));
  assert.equal((await vaults.getOperationStatus(GROUP, 'third', id)).status, 'Succeeded');
  assert.equal((await vaults.getOperationResult(GROUP, 'third', id))?.name, 'third');
  assert.deepEqual((await vaults.vaults.update(GROUP, VAULT, { tags: { team: 'a' } })).tags, { team: 'a' });
  assert.equal((await vaults.vaults.get(GROUP, VAULT)).id, made.id);
  assert.deepEqual((await names(vaults.vaults.listByResourceGroup(GROUP))).toSorted(), [VAULT, 'third']);
  assert.equal((await all(vaults.vaults.listBySubscriptionId())).length, 2);
  const info = { properties: { integrityKey: 'k', algorithm: 'None' } };
  assert.equal((await vaults.vaultExtendedInfo.createOrUpdate(GROUP, VAULT, info)).properties?.integrityKey, 'k');
  assert.equal((await vaults.vaultExtendedInfo.update(GROUP, VAULT, info)).properties?.algorithm, 'None');
  assert.equal((await vaults.vaultExtendedInfo.get(GROUP, VAULT)).properties?.integrityKey, 'k');
  const usages = await all(vaults.usages.listByVaults(GROUP, VAULT));
  assert.equal(usages.find(({ name }) => name?.value === 'BackupPolicies')?.currentValue, 2);
  assert.deepEqual(await all(vaults.replicationUsages.list(GROUP, VAULT)), []);
}

/** A vault with something in it is kept for a while after its deletion. */
export async function callDeletedVaults({ server, vaults }: World): Promise<void> {
  const path = `${GROUP_ID}/providers/Microsoft.RecoveryServices/vaults/past`;
  await makeVault(server, path);
  await protect(server, 'db01', 'DefaultPolicy', path);
  await server.call('DELETE', itemPath('db01', path));
  await vaults.vaults.delete(GROUP, 'past');
  const [deleted] = await all(vaults.deletedVaults.listBySubscriptionId(REGION));
  const name = deleted?.name ?? '';
  assert.equal((await vaults.deletedVaults.get(REGION, name)).properties?.vaultId, path);
  const undelete = `${deleted?.id}/undelete`;
  const answer = await server.call('POST', undelete, { properties: { recoveryResourceGroupId: GROUP_ID } });
  const operation = operationOf(answer.headers);
  assert.equal((await vaults.deletedVaults.getOperationStatus(REGION, name, operation)).status, 'Succeeded');
  await server.call('DELETE', path);
  const again = (await names(vaults.deletedVaults.listBySubscriptionId(REGION)))[0] ?? '';
  await vaults.deletedVaults.undelete(REGION, again, { properties: { recoveryResourceGroupId: GROUP_ID } });
  assert.equal((await vaults.vaults.get(GROUP, 'past')).name, 'past');
}

export async function callUnservedOfVaults({ vaults }: World): Promise<void> {
  const certificate = { properties: { authType: 'AAD', certificate: new Uint8Array([1, 2, 3]) } } as const;
  await notServed(vaults.vaultCertificates.create(GROUP, VAULT, 'agent', certificate));
  await notServed(vaults.registeredIdentities.delete(GROUP, VAULT, 'agent'));
  await notServed(all(vaults.privateLinkResources.list(GROUP, VAULT)));
  await notServed(vaults.privateLinkResources.get(GROUP, VAULT, 'AzureBackup'));
}

/** The headers that a new vault is answered with; the client itself keeps them from its callers. */
const firstAnswer = async ({ server }: World): Promise<Readonly<Record<string, string | undefined>>> =>
  (await makeVault(server, `${GROUP_ID}/providers/Microsoft.RecoveryServices/vaults/third`)).headers;

const operationOf = (headers: Readonly<Record<string, string | undefined>>): string =>
  (headers['azure-asyncoperation'] ?? headers.location ?? '').split('?')[0]?.split('/').at(-1) ?? '';
