import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isCoded } from '../../lib/error.ts';
import { defaultPolicy } from '../../vault/defaultPolicies.ts';
import type { Policy } from '../../vault/policy.ts';
import {
  deleteItem,
  findItem,
  findItemsOfMachine,
  getItem,
  insertItem,
  listItems,
  listItemsToPurge,
  updateItem,
} from '../items.ts';
import { forgetOperations, getOperation, putOperation } from '../operations.ts';
import { countPoints, deletePoint, getPoint, listPoints, newestVaultedPoint, putPoint } from '../points.ts';
import { countItemsByPolicy, deletePolicy, findPolicy, listPolicies, putPolicy } from '../policies.ts';
import { deletePrincipal, findPrincipalByAppId, listPrincipals, putPrincipal } from '../principals.ts';
import { deleteResourceGroup, findResourceGroup, listResourceGroups, putResourceGroup } from '../resourceGroups.ts';
import { listRoleAssignments, putRoleAssignment } from '../roleAssignments.ts';
import { getScheduleCursor, listOccurrences, recordOccurrence, setScheduleCursor } from '../schedule.ts';
import { getSetting, putSetting } from '../settings.ts';
import { deleteVault, findVault, getVault, insertVault, listVaults, updateVault } from '../vaults.ts';
import type { OpenDatabase } from './openedDatabase.ts';
import { START, sampleItem, samplePoint, sampleVault } from './samples.ts';

const policy = (id: string, name: string): Policy => ({
  ...defaultPolicy(START),
  id,
  vaultId: 'vault-1',
  name,
  version: 1,
  createdAt: START,
  updatedAt: START,
});

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: a suite, as in a test file
export const catalogueContract = (name: string, open: OpenDatabase): void => {
  // biome-ignore lint/complexity/noExcessiveLinesPerFunction: a suite, as in a test file
  void describe(`${name}: the catalogue`, () => {
    test('keeps vaults whole and finds them without regard to case', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      await insertVault(db, sampleVault());
      assert.deepEqual(await findVault(db, 'sub-1', 'QUAY', 'harbour'), sampleVault());
      await updateVault(db, { ...sampleVault(), tags: { crew: 'night' } });
      assert.deepEqual((await getVault(db, 'vault-1'))?.tags, { crew: 'night' });
      await assert.rejects(insertVault(db, sampleVault('vault-2', 'HARBOUR')));
      await insertVault(db, sampleVault('vault-3', 'Anchor'));
      assert.deepEqual(
        (await listVaults(db, 'SUB-1', 'quay')).map((vault) => vault.name),
        ['Anchor', 'Harbour'],
      );
      assert.deepEqual(await listVaults(db, 'SUB-1', 'elsewhere'), []);
    });

    test('a deleted vault leaves nothing of its own behind', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      await insertVault(db, sampleVault());
      await putPolicy(db, policy('policy-1', 'Nightly'));
      await insertItem(db, sampleItem());
      await putPoint(db, samplePoint());
      await setScheduleCursor(db, 'item-1', START);
      await deleteVault(db, 'vault-1');
      assert.deepEqual(await listItems(db), []);
      assert.equal(await getPoint(db, 'item-1', '1001'), undefined);
      assert.deepEqual(await listPolicies(db, 'vault-1'), []);
      assert.equal(await getScheduleCursor(db, 'item-1'), undefined);
      assert.equal(await getVault(db, 'vault-1'), undefined);
    });

    test('resource groups are put, replaced, listed by name and deleted', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      const group = { subscriptionId: 'SUB-1', name: 'Quay', location: 'north', tags: {}, createdAt: START };
      await putResourceGroup(db, group);
      await putResourceGroup(db, { ...group, tags: { a: 'b' } });
      await putResourceGroup(db, { ...group, name: 'Dock' });
      assert.deepEqual((await findResourceGroup(db, 'sub-1', 'qUAY'))?.tags, { a: 'b' });
      assert.deepEqual(
        (await listResourceGroups(db, 'sub-1')).map((one) => one.name),
        ['Dock', 'Quay'],
      );
      assert.equal(await deleteResourceGroup(db, 'sub-1', 'quay'), true);
      assert.equal(await deleteResourceGroup(db, 'sub-1', 'quay'), false);
    });

    test('policies are replaced by id, found by name and counted by their items', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      await putPolicy(db, policy('policy-1', 'Nightly'));
      await putPolicy(db, { ...policy('policy-1', 'Nightly'), version: 2 });
      await putPolicy(db, policy('policy-2', 'Weekly'));
      assert.equal((await findPolicy(db, 'vault-1', 'NIGHTLY'))?.version, 2);
      await insertItem(db, sampleItem());
      await insertItem(db, sampleItem({ id: 'item-2', vmName: 'Buoy' }));
      const { policyId: _, ...stopped } = sampleItem({ id: 'item-3', vmName: 'Wreck' });
      await insertItem(db, stopped);
      assert.deepEqual(await countItemsByPolicy(db, 'vault-1'), new Map([['policy-1', 2]]));
      await deletePolicy(db, 'policy-2');
      assert.deepEqual(
        (await listPolicies(db, 'vault-1')).map((one) => one.name),
        ['Nightly'],
      );
    });

    test('a machine has one item in a vault, and is found in all vaults', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      await insertItem(db, sampleItem());
      await assert.rejects(insertItem(db, sampleItem({ id: 'item-2', vmName: 'LANTERN' })));
      await insertItem(db, sampleItem({ id: 'item-2', vaultId: 'vault-2' }));
      assert.equal((await findItem(db, 'vault-2', 'quay', 'lantern'))?.id, 'item-2');
      assert.equal((await findItemsOfMachine(db, 'QUAY', 'lantern')).length, 2);
      const softDelete = { deletedAt: START, retentionDays: 14, purgeAt: START + 14 };
      await updateItem(db, sampleItem({ softDelete }));
      assert.deepEqual((await listItemsToPurge(db, START + 13)).length, 0);
      assert.deepEqual(
        (await listItemsToPurge(db, START + 14)).map((item) => item.id),
        ['item-1'],
      );
      await deleteItem(db, 'item-1');
      assert.equal(await getItem(db, 'item-1'), undefined);
    });

    test('recovery points come newest first, page by page, each once', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      for (let i = 0; i < 25; i++) {
        // Pairs share an instant, so a page may end between two of them.
        await putPoint(db, samplePoint({ id: `${1000 + i}`, takenAt: START + Math.floor(i / 2) }));
      }
      const seen: string[] = [];
      let after: string | undefined;
      do {
        const page = await listPoints(db, 'item-1', {}, { limit: 7, ...(after !== undefined && { after }) });
        seen.push(...page.values.map((point) => point.id));
        after = page.next;
      } while (after !== undefined);
      assert.deepEqual(
        seen,
        Array.from({ length: 25 }, (_, i) => `${1024 - i}`),
      );
      const ranged = await listPoints(db, 'item-1', { takenFrom: START + 1, takenTo: START + 2 });
      assert.deepEqual(
        ranged.values.map((point) => point.id),
        ['1005', '1004', '1003', '1002'],
      );
      await assert.rejects(listPoints(db, 'item-1', {}, { after: 'nonsense' }), (e) => isCoded(e, 'InvalidSkipToken'));
    });

    test('points are told by the tiers that can still be restored', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      const vaulted = { commitName: 'c', cseq: 1, storedAt: START };
      await putPoint(db, samplePoint({ id: '1', takenAt: START + 1, vaulted }));
      await putPoint(db, samplePoint({ id: '2', takenAt: START + 2, snapshot: { snapshotId: 's2' } }));
      await putPoint(db, samplePoint({ id: '3', takenAt: START + 3, vaulted: { ...vaulted, deletedAt: START } }));
      assert.equal((await newestVaultedPoint(db, 'item-1'))?.id, '1');
      assert.equal(await countPoints(db, 'item-1'), 2);
      const ids = async (filter: object) => (await listPoints(db, 'item-1', filter)).values.map((point) => point.id);
      assert.deepEqual(await ids({ restorableOnly: true }), ['2', '1']);
      assert.deepEqual(await ids({ snapshotOnly: true }), ['2']);
      await deletePoint(db, 'item-1', '1');
      assert.equal(await getPoint(db, 'item-1', '1'), undefined);
    });

    test('an occurrence is recorded once', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      const record = {
        itemId: 'item-1',
        key: '2026-01-05/20:00',
        dueAt: START,
        outcome: 'fired',
        recordedAt: START,
      } as const;
      assert.equal(await recordOccurrence(db, { ...record, jobId: 'job-1' }), true);
      assert.equal(await recordOccurrence(db, { ...record, outcome: 'missed' }), false);
      assert.equal(await recordOccurrence(db, { ...record, itemId: 'item-2' }), true);
      assert.deepEqual(await listOccurrences(db, 'item-1'), [{ ...record, jobId: 'job-1' }]);
      await setScheduleCursor(db, 'item-1', START);
      await setScheduleCursor(db, 'item-1', START + 1);
      assert.equal(await getScheduleCursor(db, 'item-1'), START + 1);
    });

    test('operations, settings, principals and role assignments are put and found', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      const operation = { id: 'op-1', scope: '/subscriptions/sub-1', status: 'InProgress', startTime: START } as const;
      await putOperation(db, operation);
      assert.equal(await forgetOperations(db, START + 1), 0);
      await putOperation(db, { ...operation, status: 'Succeeded', jobId: 'job-1' });
      assert.equal((await getOperation(db, 'op-1'))?.jobId, 'job-1');
      assert.equal(await forgetOperations(db, START + 1), 1);
      await putSetting(db, 'instance', 'a');
      await putSetting(db, 'instance', 'b');
      assert.equal(await getSetting(db, 'instance'), 'b');
      const principal = {
        id: 'p',
        appId: 'APP',
        kind: 'ServicePrincipal',
        displayName: 'Pilot',
        credentials: {},
        createdAt: START,
      } as const;
      await putPrincipal(db, principal);
      assert.deepEqual(await findPrincipalByAppId(db, 'app'), principal);
      await putRoleAssignment(db, {
        id: 'r',
        scope: '/',
        roleDefinitionId: 'owner',
        principalId: 'p',
        createdAt: START,
      });
      assert.equal((await listRoleAssignments(db, 'p')).length, 1);
      await deletePrincipal(db, 'p');
      assert.deepEqual([await listPrincipals(db), await listRoleAssignments(db)], [[], []]);
    });

    test('a transaction is all or nothing, and its own database is refused inside it', async () => {
      await using opened = await open();
      const { database } = opened;
      const broken = database.transaction(async (tx) => {
        await putSetting(tx, 'half', 'done');
        throw new Error('cut');
      });
      await assert.rejects(broken, /cut/);
      assert.equal(await getSetting(database.queries, 'half'), undefined);
      await assert.rejects(
        database.transaction(() => getSetting(database.queries, 'half')),
        /own transaction/,
      );
      await assert.rejects(
        database.transaction(() => database.transaction(async () => 1)),
        /own transaction/,
      );
      assert.equal(await database.transaction((tx) => getSetting(tx, 'half')), undefined);
    });
  });
};
