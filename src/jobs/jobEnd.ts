import { findOpenAlert, raiseAlert, resolveAlerts } from '../db/alerts.ts';
import { appendAudit } from '../db/audit.ts';
import { getItem } from '../db/items.ts';
import type { Queries } from '../db/schema.ts';
import { getVault } from '../db/vaults.ts';
import { itemArmId, vaultArmId } from '../vault/armIds.ts';
import type { Job } from '../vault/job.ts';
import { alertKindOf, deservesAlert, wantsJobAlerts } from '../vault/jobAlerts.ts';

/**
 * What a job's end means to others, in the transaction that records it: the alert it raises or resolves, and its line
 * in the activity log. Housekeeping tells in the state of the store instead.
 */
export async function tellJobEnd(tx: Queries, job: Job, now: number): Promise<void> {
  const kind = alertKindOf(job);
  if (kind === undefined) return;
  const vault = await getVault(tx, job.vaultId);
  if (!vault) return;
  const error = job.errors[0];
  if (job.itemId !== undefined && job.status === 'Failed' && deservesAlert(job) && wantsJobAlerts(vault)) {
    const same = { itemId: job.itemId, kind, errorCode: error?.code };
    if (!(await findOpenAlert(tx, same)))
      await raiseAlert(tx, {
        ...{ kind, vaultId: vault.id, itemId: job.itemId, about: job.entityFriendlyName, jobId: job.id, at: now },
        ...(error === undefined ? {} : { errorCode: error.code }),
        description: error?.message ?? `${job.operation} failed.`,
      });
  }
  if (job.itemId !== undefined && (job.status === 'Completed' || job.status === 'CompletedWithWarnings'))
    await resolveAlerts(tx, { itemId: job.itemId, kind, at: now });
  const item = job.itemId === undefined ? undefined : await getItem(tx, job.itemId);
  const failed = job.status === 'Failed' || job.status === 'Cancelled';
  await appendAudit(tx, {
    at: now,
    correlationId: job.id,
    caller: job.startedBy,
    callerName: job.startedBy,
    action: job.operation === 'Backup' ? `${ITEMS}/backup/action` : `${ITEMS}/recoveryPoints/restore/action`,
    resourceId: item ? itemArmId(vaultArmId(vault), item) : vaultArmId(vault),
    category: 'Backup',
    level: failed ? 'Error' : job.status === 'Completed' ? 'Informational' : 'Warning',
    status: failed ? 'Failed' : 'Succeeded',
    ...(error === undefined ? {} : { errorCode: error.code }),
    properties: {
      jobId: job.id,
      operation: job.operation,
      status: job.status,
      entityFriendlyName: job.entityFriendlyName,
      ...(error === undefined ? {} : { message: error.message }),
    },
  });
}

const ITEMS = 'Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems';
