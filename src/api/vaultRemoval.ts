import { listItems } from '../db/items.ts';
import { deleteVault } from '../db/vaults.ts';
import type { Vault } from '../vault/vault.ts';
import { assertVaultDeletable } from '../vault/vaultRules.ts';
import type { Services } from './services.ts';

/**
 * Errors: ServiceResourceNotEmptyWithContainerDetails, BMSUserErrorVaultDeletionNotAllowed.
 * The catalogue goes first, in one transaction with the check: a store without a vault is only waste.
 */
export async function removeVault({ db, vaultStores, log }: Services, vault: Vault): Promise<void> {
  await db.transaction(async (tx) => {
    assertVaultDeletable(vault, await listItems(tx, { vaultId: vault.id }));
    await deleteVault(tx, vault.id);
  });
  log.info({ vault: vault.name, vaultId: vault.id }, 'vault deleted');
  await vaultStores.remove(vault);
}
