import { listItems } from '../db/items.ts';
import { forgetScope } from '../db/scopes.ts';
import { deleteVault, getVault, hasPacks, updateVault } from '../db/vaults.ts';
import { vaultArmId } from '../vault/armIds.ts';
import type { Vault } from '../vault/vault.ts';
import { assertVaultDeletable, softDeletedVault } from '../vault/vaultRules.ts';
import type { Services } from './services.ts';

/**
 * A vault that holds soft-deleted items, or whose store still holds anything of a point, is soft-deleted: its store
 * stays untouched until `purgeAt`. One that is empty goes at once, its catalogue first: a store without a vault is only
 * waste. Errors: ServiceResourceNotEmptyWithContainerDetails, BMSUserErrorVaultDeletionNotAllowed.
 */
export async function removeVault({ db, clock, vaultStores, log }: Services, { id }: Vault): Promise<void> {
  const removed = await db.transaction(async (tx) => {
    const vault = await getVault(tx, id);
    if (!vault || vault.softDelete) return undefined;
    const items = await listItems(tx, { vaultId: id });
    assertVaultDeletable(vault, items);
    await forgetScope(tx, vaultArmId(vault));
    if (items.length === 0 && !(await hasPacks(tx, id))) {
      await deleteVault(tx, id);
      return vault;
    }
    const kept = softDeletedVault(vault, clock.now());
    await updateVault(tx, kept);
    return kept;
  });
  if (!removed) return;
  log.info({ vault: removed.name, vaultId: id, softDelete: removed.softDelete }, 'vault deleted');
  if (!removed.softDelete) await vaultStores.remove(removed);
}
