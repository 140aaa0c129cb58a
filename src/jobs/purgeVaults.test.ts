import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { getItem, updateItem } from '../db/items.ts';
import { allVaults, getVault, updateVault } from '../db/vaults.ts';
import { CodedError } from '../lib/error.ts';
import type { Backend } from '../store/backend.ts';
import { softDeleteItem } from '../vault/protection.ts';
import type { Vault } from '../vault/vault.ts';
import { softDeletedVault, undeletedVault } from '../vault/vaultRules.ts';
import { askForHousekeeping } from './housekeeping.ts';
import { purgeItems } from './purge.ts';
import { purgeVaults } from './purgeVaults.ts';
import { VaultRig } from './vaultRig.fixture.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const PLACES = { local: ['one'], zones: [], secondary: [] };

/** A vault with a point, its item soft-deleted, then the vault. */
async function deletedVault(options: Parameters<typeof VaultRig.open>[1] = {}): Promise<VaultRig> {
  const rig = await VaultRig.open({}, options);
  assert.equal((await rig.backUp()).status, 'Completed');
  const vault = await vaultOf(rig);
  const { item } = softDeleteItem(vault, (await getItem(rig.db.queries, rig.item.id))!, rig.clock.now());
  await updateItem(rig.db.queries, item);
  await rig.clock.turn(DAY_MS);
  await updateVault(rig.db.queries, softDeletedVault(vault, rig.clock.now()));
  return rig;
}

const vaultOf = async (rig: VaultRig): Promise<Vault> => (await getVault(rig.db.queries, rig.item.vaultId))!;

const isThere = async (rig: VaultRig) => ({
  vault: (await getVault(rig.db.queries, rig.item.vaultId)) !== undefined,
  store: (await rig.tools.stores.list()).includes(rig.item.vaultId),
  key: existsSync(rig.tools.stores.keyFile(rig.item.vaultId)),
});
/** Wraps a place whose deletions ask `check` first. */
const beforeDelete =
  (check: (name: string) => void) =>
  (_place: string, backend: Backend): Backend => ({
    put: (name, bytes, signal) => backend.put(name, bytes, signal),
    get: (name, range) => backend.get(name, range),
    head: (name) => backend.head(name),
    list: (prefix) => backend.list(prefix),
    delete: async (name) => {
      check(name);
      await backend.delete(name);
    },
  });

const ALL = { vault: true, store: true, key: true };
const NONE = { vault: false, store: false, key: false };

test('a deleted vault keeps store and key until its time is over and its last item is purged', async () => {
  await using rig = await deletedVault();
  await purgeVaults(rig.tools);
  assert.deepEqual(await isThere(rig), ALL);
  await rig.clock.turn(14 * DAY_MS - 1);
  await purgeItems(rig.tools);
  assert.equal((await rig.points()).length, 0, 'the item was deleted a day earlier');
  await purgeVaults(rig.tools);
  assert.deepEqual(await isThere(rig), ALL, 'the vault has a millisecond left');
  await rig.clock.turn(1);
  await purgeVaults(rig.tools);
  assert.deepEqual(await isThere(rig), NONE);
  assert.deepEqual(await allVaults(rig.db.queries), []);
});

test('a vault whose time is over waits for its items', async () => {
  await using rig = await deletedVault();
  await rig.clock.turn(20 * DAY_MS);
  await purgeVaults(rig.tools);
  assert.deepEqual(await isThere(rig), ALL);
});

test('a vault that was taken back is not purged, and its point restores', async () => {
  await using rig = await deletedVault();
  const { softDelete: _softDelete, ...kept } = (await getItem(rig.db.queries, rig.item.id))!;
  await updateItem(rig.db.queries, kept);
  await updateVault(rig.db.queries, undeletedVault(await vaultOf(rig), 'shop', rig.clock.now()));
  await rig.clock.turn(30 * DAY_MS);
  await purgeVaults(rig.tools);
  assert.deepEqual(await isThere(rig), ALL);
  const [point] = await rig.points();
  assert.deepEqual((await rig.restore(point!)).hashes, await rig.diskHashes());
});

test('what the storage locks keeps the vault and its key, until the lock ends', async () => {
  let isLocked = true;
  const wrapPlace = beforeDelete((name) => {
    if (isLocked && name === 'fmt') throw new CodedError('StoreObjectLocked', 'locked');
  });
  await using rig = await deletedVault({ places: PLACES, wrapPlace });
  await rig.clock.turn(15 * DAY_MS);
  await purgeItems(rig.tools);
  await purgeVaults(rig.tools);
  const held = await vaultOf(rig);
  assert.equal(held.provisioningState, 'Deleting');
  assert.ok((await isThere(rig)).key);
  await askForHousekeeping(rig.tools);
  const jobs = await rig.db.queries.selectFrom('jobs').select('id').where('end_time', 'is', null).execute();
  assert.deepEqual(jobs, [], 'a store that is being removed is not looked after');
  isLocked = false;
  await purgeVaults(rig.tools);
  assert.deepEqual(await isThere(rig), NONE);
});

test('a purge that is cut off at any deletion is ended by the next process', async () => {
  let deletions = 0;
  let cutAt = Number.POSITIVE_INFINITY;
  const wrapPlace = beforeDelete(() => {
    deletions += 1;
    if (deletions > cutAt) throw new Error('the power is gone');
  });
  for (let at = 0; ; at++) {
    cutAt = Number.POSITIVE_INFINITY;
    await using rig = await deletedVault({ places: PLACES, wrapPlace });
    await rig.clock.turn(15 * DAY_MS);
    await purgeItems(rig.tools);
    deletions = 0;
    cutAt = at;
    await purgeVaults(rig.tools);
    if (deletions <= at) {
      assert.ok(at >= 3, `only ${at} objects were deleted`);
      assert.deepEqual(await isThere(rig), NONE);
      return;
    }
    assert.equal((await vaultOf(rig)).provisioningState, 'Deleting', `cut at ${at}`);
    cutAt = Number.POSITIVE_INFINITY;
    await using next = await rig.reborn({ wrapPlace });
    await purgeVaults(next.tools);
    assert.deepEqual(await isThere(next), NONE, `cut at ${at}`);
  }
});
