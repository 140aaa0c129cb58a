import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { getVault, insertVault } from '../db/vaults.ts';
import { isCoded } from '../lib/error.ts';
import type { Vault } from '../vault/vault.ts';
import { newVault } from '../vault/vaultRules.ts';
import { MACHINE, VaultRig } from './vaultRig.fixture.ts';

const PLACES = { local: ['here'], zones: ['a', 'b', 'c'], secondary: ['far'] };

const storesIn = async (rig: VaultRig, place: string): Promise<readonly string[]> =>
  readdir(join(rig.folder, 'places', place, '.')).catch(() => []);

const objectsOf = async (rig: VaultRig, place: string, vault: Pick<Vault, 'id'>): Promise<readonly string[]> =>
  readdir(join(rig.folder, 'places', place, vault.id), { recursive: true }).catch(() => []);

/** A vault without items beside the rig's. */
async function addVault(rig: VaultRig, redundancy: Vault['redundancy']): Promise<Vault> {
  const id = '0f0e0d0c-0b0a-4908-8706-050403020100';
  const given = { id, subscriptionId: id, resourceGroup: 'shop', name: 'empty', location: 'westeurope' };
  const vault = { ...newVault(given, rig.clock.now()), redundancy };
  await rig.tools.stores.create(vault);
  await insertVault(rig.db.queries, vault);
  return vault;
}

test('a vault is made in the places of its redundancy, and says which it has', async () => {
  await using rig = await VaultRig.open({}, { places: PLACES, redundancy: 'ZoneRedundant' });
  const { stores } = rig.tools;
  assert.deepEqual(await stores.list(), [rig.item.vaultId]);
  for (const zone of PLACES.zones) assert.deepEqual(await storesIn(rig, zone), [rig.item.vaultId]);
  assert.deepEqual(await storesIn(rig, 'here'), []);
  const vault = (await getVault(rig.db.queries, rig.item.vaultId))!;
  assert.deepEqual(await stores.redundancyOf(vault), { wanted: 'ZoneRedundant', actual: 'ZoneRedundant' });
});

test('a vault without items moves with its redundancy, and leaves nothing behind', async () => {
  await using rig = await VaultRig.open({}, { places: PLACES });
  const { stores } = rig.tools;
  const vault = await addVault(rig, 'LocallyRedundant');
  assert.ok((await objectsOf(rig, 'here', vault)).includes('fmt'));
  await stores.place({ ...vault, redundancy: 'ZoneRedundant' });
  for (const zone of PLACES.zones) assert.ok((await objectsOf(rig, zone, vault)).includes('fmt'), zone);
  assert.equal((await objectsOf(rig, 'here', vault)).includes('fmt'), false);
  assert.equal((await stores.open(vault.id)).layout?.kind, 'zones');
  await stores.place({ ...vault, redundancy: 'GeoRedundant' });
  assert.deepEqual((await stores.open(vault.id)).layout?.secondary, ['far']);
  assert.deepEqual(await storesIn(rig, 'a'), [vault.id]);
  assert.equal((await objectsOf(rig, 'a', vault)).includes('fmt'), false);
  await stores.remove(vault);
  assert.equal((await objectsOf(rig, 'here', vault)).includes('fmt'), false);
});

test('the store of a vault with items stays where it is', async () => {
  await using rig = await VaultRig.open({}, { places: PLACES });
  const vault = (await getVault(rig.db.queries, rig.item.vaultId))!;
  const moving = rig.tools.stores.place({ ...vault, redundancy: 'ZoneRedundant' });
  await assert.rejects(moving, (error) => isCoded(error, 'StorageModelModifyError'));
  assert.equal((await rig.tools.stores.open(vault.id)).layout?.kind, 'local');
});

test('a lost database is no reason not to find the store', async () => {
  await using rig = await VaultRig.open({}, { places: PLACES, redundancy: 'ZoneRedundant' });
  await rig.host.write(MACHINE, 0, 0, randomBytes(1000));
  await rig.backUp();
  await rig.db.queries.deleteFrom('store_states').execute();
  await using next = await rig.reborn({ places: PLACES });
  assert.deepEqual((await next.tools.stores.open(rig.item.vaultId)).layout?.primary, PLACES.zones);
});

test('a place that is no longer configured is named', async () => {
  await using rig = await VaultRig.open({}, { places: PLACES, redundancy: 'ZoneRedundant' });
  await using next = await rig.reborn({ places: { ...PLACES, zones: [] } });
  await assert.rejects(
    next.tools.stores.open(rig.item.vaultId),
    (error) => isCoded(error, 'StorePlaceUnsuitable') && /'a' is not configured/.test(error.message),
  );
});
