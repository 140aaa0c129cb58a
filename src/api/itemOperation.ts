import { type ArmResult, accepted } from '../arm/respond.ts';
import type { ArmContext } from '../arm/route.ts';
import { recordEndedJob } from '../db/jobs.ts';
import type { Queries } from '../db/schema.ts';
import type { JobOperation } from '../vault/job.ts';
import { shortContainerName } from '../vault/names.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import type { Vault } from '../vault/vault.ts';
import { itemIdOf } from './itemPath.ts';
import { recordOperation } from './operationRecords.ts';

/** Who asked, when, and for what. */
export interface DoneChange {
  readonly vault: Vault;
  readonly item: ProtectedItem;
  readonly operation: JobOperation;
  readonly by: string;
  readonly now: number;
  readonly propertyBag?: Readonly<Record<string, string>>;
}

/**
 * Records a change of protection that is done: its job, born Completed, and the operation that names the job.
 * Part of the transaction that makes the change, so neither is ever there without the other. The operation's id.
 */
export async function recordDoneChange(tx: Queries, change: DoneChange): Promise<string> {
  const { vault, item, now } = change;
  const job = await recordEndedJob(
    tx,
    {
      vaultId: vault.id,
      itemId: item.id,
      operation: change.operation,
      entityFriendlyName: item.vmName,
      containerName: shortContainerName(item),
      isUserTriggered: true,
      startedBy: change.by,
      startTime: now,
      propertyBag: { 'VM Name': item.vmName, ...change.propertyBag },
    },
    { status: 'Completed', endTime: now },
  );
  return recordOperation(tx, { scope: itemIdOf(vault, item), now, vaultId: vault.id, jobId: job.id });
}

/** 202 with the URLs under which an operation of an item is polled. */
export const itemOperationAccepted = (
  context: Pick<ArmContext, 'absoluteUrl'>,
  itemId: string,
  operation: string,
): ArmResult =>
  accepted(context, {
    statusPath: `${itemId}/operationsStatus/${operation}`,
    resultPath: `${itemId}/operationResults/${operation}`,
  });
