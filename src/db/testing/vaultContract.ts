import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  countVaults,
  findVault,
  getVault,
  insertVault,
  listDeletedVaults,
  listVaults,
  listVaultsToPurge,
  updateVault,
} from '../vaults.ts';
import { putVaultToken, spendVaultToken } from '../vaultTokens.ts';
import type { OpenDatabase } from './openedDatabase.ts';
import { START, sampleVault } from './samples.ts';

export const vaultContract = (name: string, open: OpenDatabase): void => {
  void describe(`${name}: the life of vaults`, () => {
    test('a soft-deleted vault gives its name free, and is found by its id alone', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      const softDelete = { deletedAt: START, purgeAt: START + 10 };
      await insertVault(db, sampleVault());
      await updateVault(db, { ...sampleVault(), softDelete });
      assert.equal(await findVault(db, 'sub-1', 'quay', 'harbour'), undefined);
      assert.equal(await countVaults(db, 'sub-1'), 0);
      await insertVault(db, sampleVault('vault-2'));
      await updateVault(db, { ...sampleVault('vault-2'), softDelete: { ...softDelete, purgeAt: START + 20 } });
      await insertVault(db, sampleVault('vault-3'));
      assert.deepEqual([await countVaults(db, 'SUB-1', 'HARBOUR'), await countVaults(db, 'sub-1', 'Pier')], [1, 0]);
      const ids = (vaults: readonly { id: string }[]) => vaults.map(({ id }) => id);
      assert.deepEqual(ids(await listVaults(db, 'sub-1')), ['vault-3']);
      assert.deepEqual(ids(await listDeletedVaults(db, 'SUB-1')), ['vault-1', 'vault-2']);
      assert.deepEqual(ids(await listVaultsToPurge(db, START + 9)), []);
      assert.deepEqual(ids(await listVaultsToPurge(db, START + 10)), ['vault-1']);
      assert.equal((await getVault(db, 'vault-1'))?.name, sampleVault().name);
      await assert.rejects(updateVault(db, sampleVault()), 'its name is taken now');
    });

    test('a token is spent once, by who it is for, before it expires', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      const token = { vaultId: 'vault-1', kind: 'unlock', subject: 'someone /a' } as const;
      const put = () => putVaultToken(db, token, { now: START, expiresAt: START + 10 });
      await put();
      await put();
      assert.equal(await spendVaultToken(db, { ...token, subject: 'another /a' }, START), false);
      assert.equal(await spendVaultToken(db, { ...token, kind: 'pin' }, START), false);
      assert.equal(await spendVaultToken(db, { ...token, vaultId: 'vault-2' }, START), false);
      assert.equal(await spendVaultToken(db, token, START + 10), false);
      assert.equal(await spendVaultToken(db, token, START + 9), true);
      assert.equal(await spendVaultToken(db, token, START + 9), false);
    });

    test('what is asked inside a transaction sees what the transaction has done', async () => {
      await using opened = await open();
      const { database } = opened;
      await database.transaction(async (tx) => {
        await insertVault(tx, sampleVault());
        assert.equal((await getVault(database.current, 'vault-1'))?.id, 'vault-1');
        assert.throws(() => database.queries, /use tx/);
      });
      assert.equal((await getVault(database.current, 'vault-1'))?.id, 'vault-1');
    });
  });
};
