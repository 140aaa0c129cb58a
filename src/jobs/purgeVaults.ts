import { listUnendedJobs } from '../db/jobList.ts';
import { type DeletedVault, deleteVault, getVault, hasItems, listVaultsToPurge, updateVault } from '../db/vaults.ts';
import type { JobTools } from './context.ts';
import { assertStoreAgrees, isReconcileDue } from './storeAgreement.ts';

type PurgeTools = Pick<JobTools, 'db' | 'clock' | 'log' | 'stores'>;

/**
 * Removes the stores of deleted vaults whose time is over and whose last item was purged, then the vaults. The vault is
 * marked first: from then on it cannot be taken back, and whatever a crash leaves, the next run ends. What the storage
 * still locks keeps its vault, and the key that opens it, until the locks end.
 */
export async function purgeVaults(tools: PurgeTools): Promise<void> {
  const { db, clock, log, stores } = tools;
  for (const { id } of await listVaultsToPurge(db.queries, clock.now())) {
    try {
      const vault = await beginPurge(tools, id);
      if (!vault) continue;
      if (!(await stores.purge(vault))) {
        log.info({ vaultId: id, vault: vault.name }, 'a deleted vault stays until the locks of its storage end');
        continue;
      }
      await db.transaction((tx) => deleteVault(tx, id));
      log.info({ vaultId: id, vault: vault.name }, 'a soft-deleted vault was purged');
    } catch (error) {
      log.error({ err: error, vault: id }, 'a deleted vault could not be purged');
    }
  }
}

/** undefined: something still needs it, or it was taken back. */
async function beginPurge(tools: PurgeTools, vaultId: string): Promise<DeletedVault | undefined> {
  const { db, clock } = tools;
  const known = await getVault(db.queries, vaultId);
  // a database that is old may not know that the vault was taken back; one that is being removed was asked before
  if (known?.provisioningState !== 'Deleting') {
    if (await isReconcileDue(db, vaultId)) return undefined;
    await assertStoreAgrees(tools, vaultId);
  }
  return db.transaction(async (tx) => {
    const vault = await getVault(tx, vaultId);
    if (!vault?.softDelete || vault.softDelete.purgeAt > clock.now() || (await hasItems(tx, vaultId))) return undefined;
    if ((await listUnendedJobs(tx)).some((job) => job.vaultId === vaultId)) return undefined;
    const marked = { ...vault, softDelete: vault.softDelete, provisioningState: 'Deleting' as const };
    await updateVault(tx, marked);
    return marked;
  });
}
