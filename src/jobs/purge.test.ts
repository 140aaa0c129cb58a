import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getItem, updateItem } from '../db/items.ts';
import { putLock } from '../db/locks.ts';
import { getVault } from '../db/vaults.ts';
import { announcePurges, purgeItems } from './purge.ts';
import { VaultRig } from './vaultRig.fixture.ts';

const DAY_MS = 86_400_000;

async function deleted(): Promise<VaultRig> {
  const rig = await VaultRig.open();
  await rig.backUp();
  const item = (await getItem(rig.db.queries, rig.item.id))!;
  const { policyId: _, ...rest } = item;
  const now = rig.clock.now();
  const softDelete = { deletedAt: now, retentionDays: 14, purgeAt: now + 14 * DAY_MS };
  await updateItem(rig.db.queries, { ...rest, protectionState: 'ProtectionStopped', softDelete });
  return rig;
}

const alerts = async (rig: VaultRig) =>
  (await rig.db.queries.selectFrom('alerts').select('kind').execute()).map(({ kind }) => kind).sort();

test('a purge is announced two days ahead, once, and told when it is done', async () => {
  await using rig = await deleted();
  await rig.clock.turn(12 * DAY_MS - 1);
  await announcePurges(rig.tools);
  assert.deepEqual(await alerts(rig), []);
  await rig.clock.turn(1);
  await announcePurges(rig.tools);
  await announcePurges(rig.tools);
  assert.deepEqual(await alerts(rig), ['UpcomingPurge']);
  await purgeItems(rig.tools);
  assert.equal((await rig.points()).length, 1, 'not before its time');
  await rig.clock.turn(2 * DAY_MS);
  await purgeItems(rig.tools);
  assert.deepEqual([await alerts(rig), await rig.points()], [['PurgeComplete', 'UpcomingPurge'], []]);
  assert.equal(await getItem(rig.db.queries, rig.item.id), undefined);
});

test('one that was taken back at the last moment loses nothing', async () => {
  await using rig = await deleted();
  await rig.clock.turn(15 * DAY_MS);
  const { softDelete: _, ...item } = (await getItem(rig.db.queries, rig.item.id))!;
  const database = rig.db;
  // the undelete comes between the list of what is due and the purge
  let isTakenBack = false;
  const db = new Proxy(database, {
    get(target, name) {
      const value = Reflect.get(target, name);
      if (name !== 'transaction') return value;
      return async (work: Parameters<typeof database.transaction>[0]) => {
        if (!isTakenBack) await updateItem(database.queries, item);
        isTakenBack = true;
        return target.transaction(work);
      };
    },
  });
  await purgeItems({ ...rig.tools, db });
  assert.equal(isTakenBack, true);
  assert.equal((await rig.points()).length, 1);
  assert.deepEqual(await alerts(rig), []);
});

test('a lock on the group of the snapshots holds the purge', async () => {
  await using rig = await deleted();
  const vault = (await getVault(rig.db.queries, rig.item.vaultId))!;
  const scope = `/subscriptions/${vault.subscriptionId}/resourceGroups/AzureBackupRG_westeurope_1`;
  const id = `${scope}/providers/Microsoft.Authorization/locks/keep`;
  await putLock(rig.db.queries, { id, scope, name: 'keep', level: 'CanNotDelete', createdAt: 1 });
  await rig.clock.turn(15 * DAY_MS);
  await purgeItems(rig.tools);
  const item = await getItem(rig.db.queries, rig.item.id);
  assert.deepEqual([(await rig.points()).length, item?.softDelete?.purgingSince], [1, undefined]);
});
