import type { NewJob } from '../db/jobs.ts';
import { backupSubTasks } from '../vault/job.ts';
import type { JsonObject } from '../vault/json.ts';
import { shortContainerName } from '../vault/names.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';

/** The queue's entry for a backup of an item. */
export const newBackupJob = (
  item: ProtectedItem,
  request: {
    readonly userTriggered: boolean;
    readonly by: string;
    readonly now: number;
    readonly parameters?: JsonObject;
  },
): NewJob & { readonly itemId: string } => ({
  vaultId: item.vaultId,
  itemId: item.id,
  operation: 'Backup',
  entityFriendlyName: item.vmName,
  containerName: shortContainerName(item),
  isUserTriggered: request.userTriggered,
  startedBy: request.by,
  startTime: request.now,
  subTasks: backupSubTasks(),
  propertyBag: { 'VM Name': item.vmName },
  parameters: request.parameters ?? {},
});
